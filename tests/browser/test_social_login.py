"""Logins with accounts of a real OpenID provider, from the button to the account."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Site, a_site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import code_of, each_mode, log_in, prove
from tests.browser.watch import Watch
from tests.support.builders import PASSWORD
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, an_oidc_provider, issuer_at
from tests.support.processes import free_port
from tests.support.waiting import PATIENCE

BUTTON = "Log in with Acme"


@pytest.fixture(scope="module")
def issuer() -> str:
    return issuer_at(free_port())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> Iterator[Site]:
    """A service where people log in with accounts of Acme, and that provider."""
    settings = {
        "OIDC_ACME_ISSUER": issuer,
        "OIDC_ACME_CLIENT_ID": CLIENT_ID,
        "OIDC_ACME_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_ACME_LABEL": "Acme",
    }
    with (
        a_site(tmp_path_factory.mktemp("social"), **settings) as site,
        an_oidc_provider(issuer, f"{site.url}/api/auth/social/acme/callback"),
    ):
        yield site


@pytest.fixture
def watch(site: Site, issuer: str) -> Watch:
    return Watch(site.origin, of_application=issuer)


@pytest_asyncio.fixture(loop_scope="session", params=[True, False], ids=["scripts", "no scripts"])
async def any_page(
    request: pytest.FixtureRequest, open_context: OpenContext
) -> AsyncIterator[Page]:
    """A page of a browser with scripts, and one of a browser without."""
    async with open_context(java_script_enabled=request.param) as context:
        yield await context.new_page()


async def see(page: Page, heading: str) -> None:
    await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def follow(page: Page, name: str | re.Pattern[str]) -> None:
    await page.get_by_role("link", name=name, exact=True).click()


async def authenticate(page: Page, account: str) -> None:
    """Log in at Acme."""
    await page.get_by_label("Address of the account").fill(account)
    await press(page, "Continue")


async def consent(page: Page) -> None:
    """Let Acme tell the service the address."""
    await see(page, "Share your address")
    await press(page, "Continue")


async def log_in_with_acme(page: Page, account: str) -> None:
    await page.goto("login")
    await follow(page, BUTTON)
    await authenticate(page, account)
    await consent(page)


@each_mode
async def test_a_new_user_logs_in_with_a_provider_and_comes_back(
    open_context: OpenContext, *, scripts: bool
) -> None:
    account = f"new-{scripts}@acme.example".lower()
    async with open_context(java_script_enabled=scripts) as context:
        page = await context.new_page()
        await page.goto("register")
        await Keyboard(page).follow(BUTTON)
        await authenticate(page, account)
        await consent(page)

        await see(page, "My account")
        await expect(page.get_by_text(account)).to_be_visible()
        await page.go_back()
        await page.goto("account/sessions")
        await see(page, "Devices")
        await press(page, "Log out")

        await page.goto("login?return_to=/account/activity")
        await follow(page, BUTTON)  # Acme still knows who it is
        await see(page, "Activity")
        assert "code=" not in page.url


@each_mode
async def test_a_login_with_a_provider_asks_for_the_second_factor(
    open_context: OpenContext, *, scripts: bool
) -> None:
    account = f"factor-{scripts}@acme.example".lower()
    async with open_context(java_script_enabled=scripts) as context:
        page = await context.new_page()
        await log_in_with_acme(page, account)
        await follow(page, "Login and security")
        await press(page, "Set up an app")
        await press(page, "Confirm with Acme")  # the only method of this user
        await authenticate(page, account)  # once more
        await see(page, "Login and security")
        await press(page, "Set up an app")
        secret = await page.locator("code").inner_text()
        await page.get_by_label("Code").fill(code_of(secret))
        await press(page, "Confirm")
        await see(page, "Your recovery codes")
        await press(page, "Log out")

        await page.goto("login?return_to=/account/sessions")
        await follow(page, BUTTON)
        await see(page, "Confirm that it is you")
        await page.get_by_label("Code").fill(code_of(secret, steps_later=1))
        await press(page, "Log in")
        await see(page, "Devices")


@each_mode
async def test_an_account_is_linked_and_unlinked(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    email, account = await site.register(), f"linked-{scripts}@acme.example".lower()
    await prove(site, email)
    async with open_context(java_script_enabled=scripts) as context:
        page = await context.new_page()
        await page.goto("login?return_to=/account/security")
        await log_in(page, email)
        await Keyboard(page).press("Link Acme")
        await page.get_by_label("Password").fill(PASSWORD)
        await press(page, "Confirm")
        await authenticate(page, account)
        await consent(page)
        await expect(page.get_by_text("The account is linked.")).to_be_visible()
        await expect(page.get_by_text(f"Acme: {account}")).to_be_visible()
        await press(page, "Log out")

        await page.goto("login")
        await follow(page, BUTTON)
        await see(page, "My account")
        await expect(page.get_by_text(email)).to_be_visible()
        await page.goto("account/security")
        await follow(page, re.compile(f"^Unlink.*Acme, {account}$"))
        await see(page, "Unlink an account")
        await press(page, "Unlink the account")
        await page.get_by_label("Password").fill(PASSWORD)
        await press(page, "Confirm")
        await expect(page.get_by_text("The account is unlinked.")).to_be_visible()
        await expect(page.get_by_role("button", name="Link Acme")).to_be_visible()


async def test_the_back_button_leads_from_the_provider_to_the_page_with_the_form(
    any_page: Page, site: Site
) -> None:
    email = await site.register()
    await prove(site, email)
    await any_page.goto("account/step-up?return_to=/account/security")
    await log_in(any_page, email)
    await any_page.get_by_label("Password").fill(PASSWORD)
    await press(any_page, "Confirm")
    await press(any_page, "Link Acme")
    await see(any_page, "Log in to Acme")

    await any_page.go_back()

    await see(any_page, "Login and security")


async def test_two_tabs_log_in_at_once(any_page: Page) -> None:
    other = await any_page.context.new_page()
    for each, target in ((any_page, "sessions"), (other, "activity")):
        await each.goto(f"login?return_to=/account/{target}")
        await follow(each, BUTTON)
        await see(each, "Log in to Acme")

    account = f"{uuid4().hex}@acme.example"
    await authenticate(other, account)
    await consent(other)
    await see(other, "Activity")
    await authenticate(any_page, account)
    await see(any_page, "Devices")


async def test_to_cancel_at_the_provider_leads_back_to_the_login(any_page: Page) -> None:
    await any_page.goto("login?return_to=/account/sessions")
    await follow(any_page, BUTTON)
    await follow(any_page, "Cancel")

    await expect(any_page.get_by_text("You have cancelled that.")).to_be_visible()
    await expect(any_page.get_by_role("alert")).to_have_count(0)
    await follow(any_page, BUTTON)
    await authenticate(any_page, f"{uuid4().hex}@acme.example")
    await consent(any_page)
    await see(any_page, "Devices")


async def test_an_unproven_address_of_the_provider_makes_no_account(page: Page) -> None:
    await log_in_with_acme(page, "unproven@acme.example")

    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("has not confirmed your email address")


async def test_a_known_address_logs_in_first_and_links_then(any_page: Page, site: Site) -> None:
    email = await site.register()
    await prove(site, email)
    await log_in_with_acme(any_page, email)
    await expect(any_page.get_by_role("alert")).to_contain_text("Log in to it first")

    await log_in(any_page, email)

    await see(any_page, "Login and security")
    await expect(any_page.get_by_role("button", name="Link Acme")).to_be_visible()


async def test_the_address_of_a_callback_logs_no_other_browser_in(
    page: Page, open_context: OpenContext
) -> None:
    await page.goto("login")
    address = await stopped_at_the_callback(page, "victim@acme.example")
    async with open_context() as context:
        other = await context.new_page()
        await other.goto(address)
        await expect(other.get_by_role("alert")).to_contain_text("began in another browser")
        await other.goto("account")
        await see(other, "Log in")

    await page.goto(address)  # the other browser has not used it up
    await see(page, "My account")
    await page.goto(address)
    await see(page, "My account")


async def stopped_at_the_callback(page: Page, account: str) -> str:
    """Log in at Acme, and close the window on the way back.

    :returns: the address that the browser did not load.
    """
    caught: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    session = await page.context.new_cdp_session(page)

    async def stop(paused: dict[str, Any]) -> None:
        stopped = {"requestId": paused["requestId"], "errorReason": "Aborted"}
        await session.send("Fetch.failRequest", stopped)
        caught.set_result(paused["request"]["url"])

    session.on("Fetch.requestPaused", stop)
    await follow(page, BUTTON)
    await authenticate(page, account)
    await see(page, "Share your address")
    await session.send("Fetch.enable", {"patterns": [{"urlPattern": "*/callback?*"}]})
    await page.get_by_role("button", name="Continue").click(no_wait_after=True)
    address = await asyncio.wait_for(caught, PATIENCE)
    await session.send("Fetch.disable")
    return address
