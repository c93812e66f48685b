"""Logins at other providers, by pages without scripts."""

from datetime import timedelta

import pytest

from api.web.social_login import OF_LOGIN
from application.ports import IdentityProviders
from domain.outcome import Outcome
from domain.social_login.identity import ProviderName
from tests.http.client import Client, code_at
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock
from tests.support.social_login import ACME, FakeProvider

ADA = "ada@example.org"
START = f"/api/auth/social/{ACME}/start"


@pytest.fixture
def identity_providers() -> IdentityProviders:
    return IdentityProviders((FakeProvider(), FakeProvider(ProviderName("umbrella"), "B & C")))


async def test_there_is_a_button_for_each_provider(browser: Browser) -> None:
    page = await browser.open("/login?return_to=/account/sessions?x%3D1%26y%3D2")

    assert "or Log in with Acme Inc. Log in with B & C" in page.text
    target = "/account/sessions%3Fx%3D1%26y%3D2"
    assert f"{START}?return_to={target}" in page.read.links
    refused = await browser.submit(page, "/login", email=ADA, password="a wrong password")
    assert f"{START}?return_to={target}" in refused.read.links

    page = await browser.open("/register")
    assert f"{START}?return_to=/account" in page.read.links


class TestWithoutProviders:
    @pytest.fixture
    def identity_providers(self) -> IdentityProviders:
        return IdentityProviders()

    async def test_there_is_no_button(self, browser: Browser) -> None:
        for path in ("/login", "/register"):
            source = (await browser.open(path)).source
            assert "/api/auth/social" not in source
            assert 'class="or"' not in source


async def test_the_login_says_what_went_wrong_at_a_provider(
    browser: Browser,
) -> None:
    german = Browser(browser.client, "de")
    for outcome in OF_LOGIN:
        page = await browser.open(f"/login?problem={outcome}")
        assert page.title.startswith("Error: Log in")
        assert page.source.count('role="alert"') == 1
        assert "social." not in page.text
        assert (await german.open(f"/login?problem={outcome}")).text != page.text


async def test_a_login_that_needs_a_link_first_leads_to_where_accounts_are_linked(
    browser: Browser, client: Client
) -> None:
    await client.register(ADA)

    page = await browser.open(f"/login?problem={Outcome.LINK_REQUIRED}")

    assert "There is an account with this email address here already." in page.text
    page = await browser.submit(page, "/login", email=ADA, password=PASSWORD)
    assert page.path == "/account/security"


async def test_to_cancel_at_a_provider_is_no_error(browser: Browser) -> None:
    page = await browser.open(f"/login?problem={Outcome.PROVIDER_CANCELLED}")

    assert "You have cancelled that. Nothing has changed." in page.text
    assert 'role="alert"' not in page.source
    assert page.title.startswith("Log in")


@pytest.mark.parametrize(
    "problem", ["", "x", "success", "social.cancelled", Outcome.WRONG_PASSWORD]
)
async def test_the_login_says_nothing_about_an_unknown_problem(
    browser: Browser, problem: str
) -> None:
    page = await browser.open(f"/login?problem={problem}")

    assert page.source == (await browser.open("/login")).source


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
