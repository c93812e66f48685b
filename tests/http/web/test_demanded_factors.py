"""Users who lack a demanded second factor set it up by pages, and open no other page."""

import base64
import re
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from domain.second_factors import totp
from infrastructure.config.settings import Settings
from tests.http.client import VERIFY, Client
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA = "ada@example.org"
DEMANDED = "This account needs a two-step login."
SECURITY, STEP_UP = "/account/security", "/account/step-up"
FOR_ENROLMENT = {
    ("GET", SECURITY),
    ("POST", f"{SECURITY}/totp"),
    ("POST", f"{SECURITY}/totp/confirm"),
    ("POST", f"{SECURITY}/passkeys/new"),
    ("POST", f"{SECURITY}/passkeys/add"),
    ("GET", STEP_UP),
    ("POST", STEP_UP),
    ("POST", f"{STEP_UP}/provider"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.read(
        {
            "USERS_URL": "memory:",
            "SESSIONS_URL": "memory:",
            "DOORWARD_DATA": str(tmp_path),
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "off",
            "MFA": "everybody",
        }
    )


def own_pages(app: Litestar) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.opt.get("page") == "users"
        for method in handler.http_methods - {"OPTIONS"}
    }


async def test_every_page_but_those_of_the_enrolment_leads_to_it(
    app: Litestar, browser: Browser, client: Client
) -> None:
    await client.register(ADA)
    page = await browser.log_in(ADA, PASSWORD)
    assert page.path == SECURITY

    for method, path in own_pages(app) - FOR_ENROLMENT:
        answer = await client.request(method, path, headers={"Origin": str(client.base_url)})
        assert (answer.status_code, answer.headers["location"]) == (303, SECURITY)
    for method, path in FOR_ENROLMENT:
        answer = await client.request(method, path, headers={"Origin": str(client.base_url)})
        assert answer.headers.get("location") != SECURITY


async def test_the_page_says_that_a_factor_is_demanded(browser: Browser, client: Client) -> None:
    await client.register(ADA)
    page = await browser.log_in(ADA, PASSWORD)

    assert DEMANDED in page.text


async def test_a_user_sets_the_demanded_factor_up_by_pages(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    await client.register(ADA)
    page = await browser.log_in(ADA, PASSWORD)

    page = await browser.submit(page, f"{SECURITY}/totp")
    page = await browser.submit(page, STEP_UP, step_up_password=PASSWORD)
    [shown] = re.findall(r"<code>([A-Z2-7]+)</code>", page.source)
    secret = base64.b32decode(shown + "=" * (-len(shown) % 8))
    code = totp.code_at(secret, totp.step_at(clock()))
    await browser.submit(page, f"{SECURITY}/totp/confirm", code=code)

    assert (await browser.open("/account")).path == "/account"
    assert DEMANDED not in (await browser.open(SECURITY)).text
    assert (await client.get(f"{VERIFY}?level=2")).status_code == 204
