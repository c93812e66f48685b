"""Logins at other providers, by pages without scripts."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from api.web.social_login import OF_LINK, OF_LOGIN, OF_STEP_UP
from application.ports import IdentityProviders, UserRepository
from domain.email import Email
from domain.errors import ProviderCancelled, ProviderUnavailable
from domain.outcome import Outcome
from domain.social_login.identity import ProviderName
from infrastructure.config.settings import Settings
from tests.http.client import SOCIAL_START, Client, code_at, stored_user
from tests.http.flows import begin_flow, end_flow
from tests.http.social_login.conftest import linked_to
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD, a_user
from tests.support.doubles import SettableClock
from tests.support.social_login import ACME, FakeProvider, an_account

ADA = "ada@example.org"
SECURITY, STEP_UP = "/account/security", "/account/step-up"
LINK = f"{SECURITY}/identities"


@pytest.fixture
def acme() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def identity_providers(acme: FakeProvider) -> IdentityProviders:
    return IdentityProviders((acme, FakeProvider(ProviderName("umbrella"), "B & C")))


async def test_there_is_a_button_for_each_provider(browser: Browser) -> None:
    page = await browser.open("/login?return_to=/account/sessions?x%3D1%26y%3D2")

    assert "or Log in with Acme Inc. Log in with B & C" in page.text
    target = "/account/sessions%3Fx%3D1%26y%3D2"
    assert f"{SOCIAL_START}?return_to={target}" in page.read.links
    refused = await browser.submit(page, "/login", email=ADA, password="a wrong password")
    assert f"{SOCIAL_START}?return_to={target}" in refused.read.links

    page = await browser.open("/register")
    assert f"{SOCIAL_START}?return_to=/account" in page.read.links


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


@pytest.fixture
async def with_password(browser: Browser, client: Client) -> Page:
    """The page about security of Ada, who has a password and has stepped up."""
    await client.register(ADA)
    await client.log_in(ADA)
    await client.step_up()
    return await browser.open(SECURITY)


@pytest.fixture
async def without_password(browser: Browser, acme: FakeProvider) -> Page:
    """The page about security of Grace, who has nothing but her account of Acme."""
    acme.says = an_account("grace@example.org", subject="grace")
    return await browser.log_in_at_provider(SECURITY)


async def test_an_account_is_linked(browser: Browser, with_password: Page) -> None:
    assert "Link Acme Inc." in with_password.text
    assert "Unlink" not in with_password.text

    way = await browser.submit(with_password, LINK, provider=ACME)

    assert way.title.startswith("Continue to Acme Inc.")
    policy = way.response.headers["content-security-policy"]
    assert policy == with_password.response.headers["content-security-policy"]
    [address] = re.findall(r'content="0;url=(https://[^"]+)"', way.source)
    assert f'href="{address}"' in way.source
    page = await browser.come_back(way)
    assert page.path == f"{SECURITY}?done=identity_linked"
    assert "The account is linked." in page.text
    assert f"Acme Inc. : {ADA}" in page.text
    assert "Link Acme Inc." not in page.text
    assert "Link B & C" in page.text
    assert (await browser.log_in_at_provider("/account/activity")).path == "/account/activity"


async def test_a_link_asks_for_a_step_up_first(
    browser: Browser, with_password: Page, clock: SettableClock
) -> None:
    clock.advance(timedelta(minutes=11))

    asked = await browser.submit(with_password, LINK, provider=ACME)
    way = await browser.submit(asked, STEP_UP, step_up_password=PASSWORD)

    assert way.title.startswith("Continue to Acme Inc.")
    assert "Link Acme" not in (await browser.come_back(way)).text


async def test_a_link_that_fails_is_explained_on_the_page(
    browser: Browser, with_password: Page, acme: FakeProvider, users: UserRepository
) -> None:
    acme.failure = ProviderUnavailable("connect_failed")
    page = await browser.submit(with_password, LINK, provider=ACME)
    assert page.path == f"{SECURITY}?problem=provider_unavailable"
    assert "The other service does not answer right now." in page.text
    acme.failure = None

    way = await browser.submit(with_password, LINK, provider=ACME)
    acme.says = ProviderCancelled()
    page = await browser.come_back(way)
    assert page.path == f"{SECURITY}?problem=provider_cancelled"
    assert "You have cancelled that." in page.text
    assert 'role="alert"' not in page.source

    acme.says = an_account(subject="of another user")
    other = a_user(email=Email.parse("eve@example.org"))
    assert (await users.add(other)).changed
    await linked_to(users, other, acme.says)
    page = await browser.come_back(await browser.submit(with_password, LINK, provider=ACME))
    assert page.path == f"{SECURITY}?problem=identity_taken"
    assert "Another user here has linked that account." in page.text

    page = await browser.submit(with_password, LINK, provider="umbrella corp")
    assert page.status == 404


class TestWithMailsThatProveAddresses:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        registration = replace(settings.registration, email_verification="optional")
        return replace(settings, registration=registration)

    async def test_an_unproven_address_has_to_be_proven_before_a_link(
        self, browser: Browser, with_password: Page
    ) -> None:
        page = await browser.submit(with_password, LINK, provider=ACME)

        assert page.path == f"{SECURITY}?problem=email_unverified"
        assert "Please confirm your email address first" in page.text


async def test_the_page_of_security_says_something_about_each_problem(
    browser: Browser, with_password: Page
) -> None:
    for page, known in ((SECURITY, OF_LINK), (STEP_UP, OF_STEP_UP)):
        for outcome in known:
            shown = await browser.open(f"{page}?problem={outcome}")
            assert shown.title.startswith("Error: ")
            assert "social." not in shown.text
        shown = await browser.open(f"{page}?problem={Outcome.LINK_REQUIRED}")
        assert 'role="alert"' not in shown.source
    assert 'role="alert"' not in with_password.source


async def test_an_account_is_unlinked_after_a_page_that_says_what_happens(
    browser: Browser, client: Client, with_password: Page
) -> None:
    page = await browser.come_back(await browser.submit(with_password, LINK, provider=ACME))
    [link] = [each for each in page.read.links if each.startswith(f"{LINK}/")]
    page = await browser.open(link)
    assert "You can no longer log in here with this account of Acme Inc." in page.text
    assert SECURITY in page.read.links
    before = client.cookies["access_token"]

    page = await browser.submit(page, link)

    assert page.path == f"{SECURITY}?done=identity_unlinked"
    assert "The account is unlinked." in page.text
    assert "Link Acme Inc." in page.text
    assert client.cookies["access_token"] != before
    assert (await client.step_up()).status_code == 200
    assert (await browser.post(link, {})).path == SECURITY  # from another tab
    assert (await browser.open(link)).status == 404
    assert (await browser.open(f"{LINK}/x")).status == 404


async def test_a_user_without_another_method_steps_up_at_the_provider(
    browser: Browser, acme: FakeProvider, without_password: Page
) -> None:
    page = await browser.submit(without_password, f"{SECURITY}/totp")
    assert page.path == f"{STEP_UP}?return_to=/account/security"
    assert "Confirm with Acme Inc." in page.text
    assert "B & C" not in page.text  # no account of theirs is linked

    way = await browser.submit(page, f"{STEP_UP}/provider", step_up_provider=ACME)
    page = await browser.come_back(way)

    assert page.path == SECURITY
    assert acme.checked[-1].is_fresh
    assert (await browser.submit(page, f"{SECURITY}/totp")).path == f"{SECURITY}/totp"


async def test_a_step_up_at_a_provider_returns_to_the_page_of_the_form(
    browser: Browser, without_password: Page
) -> None:
    assert without_password.path == SECURITY
    page = await browser.open("/account/delete")
    assert page.path == f"{STEP_UP}?return_to=/account/delete"

    way = await browser.submit(page, f"{STEP_UP}/provider", step_up_provider=ACME)

    assert (await browser.come_back(way)).path == "/account/delete"


@pytest.mark.usefixtures("without_password")
@pytest.mark.parametrize(
    ("path", "typed", "done"),
    [
        ("/account/password", {"new_password": PASSWORD}, "Your password is changed."),
        ("/account/email", {"email": "hopper@example.org"}, "Check your mail"),
        ("/account/delete", {"button": ""}, "Your account is deleted"),
    ],
)
async def test_a_user_without_a_password_does_what_needs_a_step_up(
    browser: Browser, path: str, typed: dict[str, str], done: str
) -> None:
    page = await browser.open(path)
    way = await browser.submit(page, f"{STEP_UP}/provider", step_up_provider=ACME)
    page = await browser.come_back(way)
    assert page.path == path
    asked = re.findall(r'name="(\w+)" type="password"', page.source)
    assert set(asked) <= {"new_password"}

    assert done in (await browser.submit(page, path, **typed)).text


@pytest.mark.usefixtures("without_password")
async def test_a_step_up_that_fails_at_the_provider_is_explained_and_tried_again(
    browser: Browser, acme: FakeProvider
) -> None:
    own = acme.says
    page = await browser.open("/account/delete")
    acme.failure = ProviderUnavailable("connect_failed")
    form = f"{STEP_UP}/provider"
    page = await browser.submit(page, form, step_up_provider=ACME)
    assert page.path == f"{STEP_UP}?problem=provider_unavailable&return_to=/account/delete"
    acme.failure = None

    acme.says = an_account("eve@example.org", subject="eve")
    page = await browser.come_back(await browser.submit(page, form, step_up_provider=ACME))
    assert page.path.startswith(f"{STEP_UP}?problem=invalid_credentials")
    assert "That account is not linked to yours." in page.text

    acme.says = own
    page = await browser.come_back(await browser.submit(page, form, step_up_provider=ACME))
    assert page.path == "/account/delete"


@pytest.mark.usefixtures("with_password")
async def test_a_user_with_a_password_does_not_step_up_at_a_provider(browser: Browser) -> None:
    fields = {"step_up_provider": ACME, "step_up_return_to": "/account/delete"}

    page = await browser.post(f"{STEP_UP}/provider", fields)

    assert page.path == f"{STEP_UP}?return_to=/account/delete"
    assert "Confirm with" not in page.text


async def test_the_last_way_to_log_in_is_not_unlinked(
    browser: Browser, users: UserRepository, without_password: Page
) -> None:
    [link] = [each for each in without_password.read.links if each.startswith(f"{LINK}/")]
    page = await browser.open(f"{STEP_UP}?return_to={link}")
    way = await browser.submit(page, f"{STEP_UP}/provider", step_up_provider=ACME)
    page = await browser.come_back(way)
    assert page.path == link
    grace = await stored_user(users, "grace@example.org")
    unproven = replace(grace, verified=False)  # then no mail brings a new password
    assert (await users.replace(grace, unproven)).changed

    page = await browser.submit(page, link)

    assert page.path == f"{SECURITY}?problem=last_credential"
    assert "This is the last way to log in to your account." in page.text


async def test_a_login_at_a_provider_goes_on_with_the_second_factor(
    browser: Browser, client: Client, clock: SettableClock, with_password: Page
) -> None:
    await browser.come_back(await browser.submit(with_password, LINK, provider=ACME))
    secret = (await client.enrol(clock())).extensions["secret"]
    await client.log_out()
    clock.advance(timedelta(seconds=30))

    client.headers["Accept"] = "text/html"
    state = await begin_flow(client, return_to="/account/sessions")
    prefetched = {"Sec-Purpose": "prefetch"}
    ended = await end_flow(client, state)
    assert (await client.get(ended.headers["location"], headers=prefetched)).status_code == 503
    page = await browser.open(ended.headers["location"])

    assert page.path == "/login/second-factor?return_to=%2Faccount%2Fsessions"
    assert "Confirm that it is you" in page.text
    assert "second-factor" not in client.cookies
    again = await browser.open(page.path)
    assert again.path == "/login"
    page = await browser.submit(page, "/login/second-factor", code=code_at(secret, clock()))
    assert page.path == "/account/sessions"


@pytest.mark.parametrize(
    "value", ["", "challenge", "challenge.", ".totp", "challenge.password", "challenge.totp.x"]
)
async def test_a_forged_cookie_shows_no_form_for_a_second_factor(
    browser: Browser, client: Client, value: str
) -> None:
    client.cookies.set("second-factor", value, domain="localhost.local")

    assert (await browser.open("/login/second-factor")).path == "/login"
