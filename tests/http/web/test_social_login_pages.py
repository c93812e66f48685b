"""Logins at other providers, by pages without scripts."""

from datetime import timedelta

import pytest

from tests.http.client import Client, code_at
from tests.http.web.browser import Browser
from tests.support.doubles import SettableClock

ADA = "ada@example.org"


async def a_pending_login(client: Client, clock: SettableClock) -> tuple[str, str]:
    """Begin a login of a user with an app.

    :returns: the cookie that takes the login to the page of the second factor, and a code for it.
    """
    await client.register(ADA)
    await client.log_in(ADA)
    secret = (await client.enrol(clock())).extensions["secret"]
    await client.log_out()
    clock.advance(timedelta(seconds=30))
    required = (await client.log_in(ADA)).json()
    value = ".".join([required["challenge"], *required["methods"]])
    return value, code_at(secret, clock())


async def test_a_login_at_a_provider_goes_on_with_the_second_factor(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    value, code = await a_pending_login(client, clock)
    client.cookies.set("second-factor", value, domain="localhost.local")

    page = await browser.open("/login/second-factor?return_to=/account/sessions")

    assert "Confirm that it is you" in page.text
    assert "second-factor" not in client.cookies
    assert value.partition(".")[0] not in page.path
    page = await browser.submit(page, "/login/second-factor", code=code)
    assert page.path == "/account/sessions"


@pytest.mark.parametrize(
    "value", ["", "challenge", "challenge.", ".totp", "challenge.password", "challenge.totp.x"]
)
async def test_a_forged_cookie_shows_no_form_for_a_second_factor(
    browser: Browser, client: Client, value: str
) -> None:
    client.cookies.set("second-factor", value, domain="localhost.local")

    assert (await browser.open("/login/second-factor")).path == "/login"
