"""Writes ``docs/screenshots``: each page in English and light, some of them dark or on a phone."""

import asyncio
import logging
import shutil
from base64 import b64decode
from collections.abc import Collection
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from infrastructure.telemetry.logging import configure_logging
from tests.browser.gallery import Gallery
from tests.http.web.tour import Tour, a_tour
from tests.support.chromium import chromium

FOLDER = Path("docs/screenshots")
STATES = {
    "register with problems",
    "second factor",
    "totp",
    "recovery codes",
    "account security with factors",
}
"""Beside what links lead to."""
SOME = {"login", "account security with factors", "admin"}
QUALITY = 70
DESK = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 800}, "color_scheme": "light"}


async def main() -> None:
    async with a_tour("en") as tour, chromium() as browser:
        plain = {name for name, shot in tour.shots.items() if shot.is_plain}
        await take(browser, tour, plain | STATES, "", **DESK)
        await take(browser, tour, SOME, "-dark", **DESK | {"color_scheme": "dark"})
        await take(browser, tour, SOME, "-phone", **PHONE)


async def take(
    browser: Browser, tour: Tour, names: Collection[str], suffix: str, **options: Any
) -> None:
    context = await browser.new_context(device_scale_factor=1, **options)
    async for shot, page in Gallery(tour, names).show(context):
        name = shot.name.replace("_id", "").replace(" ", "-")
        await save(page, f"{name}{suffix}")
        charts = page.locator(".charts")
        if await charts.count():
            await charts.evaluate("(each) => each.scrollIntoView()")
            await save(page, f"{name}-charts{suffix}")
    await context.close()


async def save(page: Page, name: str) -> None:
    """Save what is seen of a page as WebP, which takes a third of PNG."""
    session = await page.context.new_cdp_session(page)
    options = {"format": "webp", "quality": QUALITY}
    taken = await session.send("Page.captureScreenshot", options)
    await session.detach()
    await asyncio.to_thread((FOLDER / f"{name}.webp").write_bytes, b64decode(taken["data"]))


if __name__ == "__main__":
    configure_logging()
    logging.disable()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    asyncio.run(main())
