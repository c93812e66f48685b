"""A real browser for tests, without any set-up.

It is looked for in this order, and a run in which none is found fails:

1. the program that TEST_CHROMIUM names;
2. on Linux with x86-64 processors, the Chromium in an npm package, as the lock file says;
3. programs installed on this machine.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.support.npm import NODE, npm_folder

_SOURCES = Path(__file__).with_suffix("")
_PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the browser. It takes half a second, so that a run of tests shares one."""
    program, variables = _find()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            env={**os.environ, **variables},
            # No script of a test runs long enough to repay an optimizing compiler.
            args=["--disable-gpu", "--disable-sync", "--js-flags=--no-opt"],
            chromium_sandbox=False,  # not for root; it visits pages of the tests only
        )
        try:
            yield browser
        finally:
            await browser.close()


def _find() -> tuple[Path, Mapping[str, str]]:
    """Return the program and the environment variables that it needs."""
    if given := os.environ.get("TEST_CHROMIUM"):
        return Path(given), {}
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        folder = npm_folder(_SOURCES, _unpack)
        return folder / "chromium", {
            "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"),
            "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        }
    for name in _PROGRAMS:
        if program := shutil.which(name):
            return Path(program), {}
    raise AssertionError("no browser: install Chromium or Chrome, or name one with TEST_CHROMIUM")


def _unpack(folder: Path) -> None:
    variables = os.environ | {"TMPDIR": str(folder)}
    subprocess.run([NODE, "unpack.mjs"], cwd=folder, env=variables, check=True)
    shutil.rmtree(folder / "node_modules")  # the packed form
