"""Steps of several tests."""

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Site
from tests.support.builders import PASSWORD
from tests.support.commands import forked

each_mode = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def users(site: Site, *arguments: str) -> None:
    """Run ``doorward users`` beside the service."""
    done = forked(site.service.folder, "users", *arguments, **site.service.environment)
    assert done.returncode == 0, done.stderr


async def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill in the form of a page that is open, and send it."""
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in", exact=True).click()
