"""A page with the brand of an installation, in a browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage

from tests.browser.gallery import Gallery
from tests.browser.test_accessibility import CHECK, RULES, axe
from tests.http.web.tour import a_tour

WIDE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="30"><style>path { fill: #888 }'
    '</style><script>document.documentElement.remove()</script><path d="M0 0h900v30H0z"/></svg>'
)
LOGO = "(({ complete, naturalWidth }) => complete && naturalWidth)(document.querySelector('img'))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_page_with_a_brand_keeps_nobody_out(
    browser: Browser, tmp_path: Path, scheme: Any
) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(WIDE)
    settings = {
        "SERVICE_NAME": "Example",
        "BRAND_LOGO": str(logo),
        "BRAND_COLOR": "#0b6e4f",
        "FOOTER_LINKS": "Imprint=https://example.org/imprint,Privacy=https://example.org/privacy",
    }
    context = await browser.new_context(
        viewport={"width": 320, "height": 640}, color_scheme=scheme, reduced_motion="reduce"
    )
    await context.add_init_script(path=axe())
    problems: list[str] = []

    def read(message: ConsoleMessage) -> None:
        problems.append(message.text)

    context.on("console", read)
    async with a_tour("en", visits=["/register", "/"], **settings) as tour:
        async for shot, page in Gallery(tour).show(context):
            found = await page.evaluate(CHECK, {"type": "tag", "values": RULES})
            assert found == {}, shot.name
            assert await page.evaluate(LOGO) == 900
            link = page.get_by_role("link", name="Imprint")
            assert await link.get_attribute("href") == "https://example.org/imprint"
    await context.close()

    assert problems == []
