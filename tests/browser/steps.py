"""Steps of several tests."""

import base64
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page

from domain.second_factors import totp
from tests.browser.conftest import Site
from tests.http.client import PROOF
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


async def prove(site: Site, email: str) -> None:
    """Prove the address of a user who has just registered."""
    token = site.link(email, "email_verification").partition("#token=")[2]
    await site.post(PROOF, {"token": token, "password": PASSWORD})


def code_of(secret: str, steps_later: int = 0) -> str:
    """Return what an app shows now, or next: the service accepts that, too."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return totp.code_at(key, totp.step_at(datetime.now(UTC)) + steps_later)
