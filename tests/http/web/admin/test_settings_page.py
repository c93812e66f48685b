"""The page of the settings in force."""

from dataclasses import replace

import pytest

from application.ports import UserRepository
from domain.permissions import Role
from infrastructure.config.settings import Settings
from tests.http.client import Client
from tests.http.web.admin.helpers import log_in_as
from tests.http.web.browser import Browser


@pytest.fixture
def settings(settings: Settings) -> Settings:
    storage = replace(settings.storage, postgres_password="hidden")
    return replace(settings, storage=storage, http=replace(settings.http, workers=3))


async def test_an_auditor_sees_the_settings_in_force_without_secrets(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    await log_in_as(browser, client, users, Role.AUDITOR)

    page = await browser.open("/admin/settings")

    assert page.status == 200
    for text in (
        "WORKERS 3 not the default",
        "POSTGRES_PASSWORD set, not shown not the default",
        "REDIS_URL not set",
        "LOGIN_LIMIT_ACCOUNT 10/15m Meaning",
        "Port to listen on",
    ):
        assert text in page.text
    assert "hidden" not in page.source.replace('class="hidden"', "")


async def test_the_words_around_the_settings_are_translated(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    await log_in_as(browser, client, users, Role.AUDITOR)
    browser.language = "de"

    page = await browser.open("/admin/settings")

    assert "POSTGRES_PASSWORD gesetzt, nicht gezeigt" in page.text
    assert '<caption lang="en">' in page.source
