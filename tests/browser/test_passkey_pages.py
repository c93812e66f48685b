"""Passkeys on the pages of the service, with the authenticator of the browser."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import each_mode, log_in
from tests.browser.watch import Watch
from tests.http.client import FORGOT, LOGIN, NEW_PASSWORD, PROOF
from tests.support.builders import PASSWORD
from tests.support.virtual_authenticator import Authenticator, add_authenticator

SECURITY = "account/security"

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def authenticator(page: Page) -> Authenticator:
    return await add_authenticator(page)


@pytest_asyncio.fixture(loop_scope="session")
async def email(site: Site) -> str:
    """The address of a user, who has proved it."""
    email = await site.register()
    token = site.link(email, "email_verification").partition("#token=")[2]
    await site.post(PROOF, {"token": token, "password": PASSWORD})
    return email


async def add_passkey(page: Page, email: str) -> None:
    """Log in with the password, and add a passkey, with the step-up that it needs."""
    await page.goto("login?return_to=/account/security")
    await log_in(page, email)
    await page.get_by_role("button", name="Add a passkey").click()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_label("Name").fill("Phone")
    await page.get_by_label("Name").press("Enter")
    await expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert await page.locator("ul.codes code").count() == 10


async def test_a_page_under_a_number_says_that_passkeys_need_the_name(
    page: Page, site: Site, watch: Watch
) -> None:
    watch.origin = site.origin.replace("localhost", "127.0.0.1")
    await page.goto(site.url.replace("localhost", "127.0.0.1") + "/login")

    await page.get_by_role("button", name="Log in with a passkey").click()

    await expect(page.get_by_text("Passkeys do not work at this address.")).to_be_visible()


async def test_a_passkey_of_another_domain_is_explained(page: Page) -> None:
    await page.add_init_script("delete PublicKeyCredential.isConditionalMediationAvailable")
    await page.route("**/login/passkey/options", with_another_domain)
    await page.goto("login")

    await page.get_by_role("button", name="Log in with a passkey").click()

    await expect(page.get_by_text("Passkeys do not work at this address.")).to_be_visible()


async def with_another_domain(route: Route) -> None:
    answer = await route.fetch()
    content = await answer.json()
    content["options"]["rpId"] = "example.org"
    await route.fulfill(response=answer, json=content)


async def log_out(page: Page) -> None:
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_text("You are logged out.")).to_be_visible()


async def test_a_passkey_is_added_and_logs_in_by_its_button(
    page: Page, authenticator: Authenticator, email: str, site: Site
) -> None:
    await add_passkey(page, email)
    [kept] = await authenticator.passkeys()
    assert kept["userName"] == email
    # Without the offer beside the field, which the authenticator would take.
    await page.add_init_script("delete PublicKeyCredential.isConditionalMediationAvailable")
    await log_out(page)
    await page.goto("login?return_to=/account/sessions")

    await page.get_by_role("button", name="Log in with a passkey").click()

    await page.wait_for_url(f"{site.url}/account/sessions")


async def test_a_passkey_is_added_renamed_used_and_removed_with_the_keyboard_alone(
    page: Page, authenticator: Authenticator, email: str
) -> None:
    keyboard = Keyboard(page)
    await page.goto("login?return_to=/account/security")
    await keyboard.log_in(email)
    await keyboard.press("Add a passkey")
    await keyboard.step_up()
    await keyboard.reach(page.get_by_label("Name"))
    await page.keyboard.insert_text("Phone")
    await keyboard.press("Create the passkey")
    await keyboard.see("Your recovery codes")
    await keyboard.follow("I have kept them")
    # Without the offer beside the field, which the authenticator would take.
    await page.add_init_script("delete PublicKeyCredential.isConditionalMediationAvailable")
    await keyboard.press("Log out")
    await keyboard.read("You are logged out.")
    await page.goto("login?return_to=/account/security")
    await keyboard.press("Log in with a passkey")
    await keyboard.see("Login and security")

    await keyboard.type("Name of the passkey", "Telephone")
    await keyboard.press(re.compile("Rename.*Phone"))
    await keyboard.read("The name is saved.")
    await keyboard.press(re.compile("Remove.*Telephone"))
    await keyboard.see("Confirm that it is you")
    await keyboard.press("Confirm with a passkey")
    await keyboard.read("The passkey is removed.")
    assert len(await authenticator.passkeys()) == 1  # the service cannot delete it there


async def test_the_browser_offers_passkeys_beside_the_field_of_the_address(
    page: Page, authenticator: Authenticator, email: str, site: Site
) -> None:
    await add_passkey(page, email)
    assert len(await authenticator.passkeys()) == 1
    await page.get_by_role("button", name="Log out").click()

    await page.wait_for_url(f"{site.url}/account")  # the virtual authenticator takes the offer


async def test_a_passkey_is_the_second_factor_and_steps_up(
    page: Page, authenticator: Authenticator, email: str, site: Site
) -> None:
    await add_passkey(page, email)
    await authenticator.pretend(present=False)
    await log_out(page)
    await log_in(page, email)
    await authenticator.pretend(present=True)
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(f"{site.url}/account")

    await page.goto(SECURITY)
    await page.get_by_role("button", name=re.compile("Remove.*Phone")).click()
    await page.get_by_role("button", name="Confirm with a passkey").click()

    await expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    assert page.url == f"{site.url}/{SECURITY}?done=passkey_removed"


_SEND_NEW_PASSKEY = """
    const form = Object.assign(document.createElement("form"), {
        method: "post", action: `${location.pathname}/security/passkeys/add` });
    const field = Object.assign(document.createElement("input"), {
        name: "credential", value: "{}" });
    form.append(field);
    document.body.append(form);
    form.submit();
"""
"""A form whose step-up has expired, with the answer of an authenticator."""


@pytest.mark.usefixtures("authenticator")
async def test_a_passkey_confirms_a_form_that_has_another_passkey(
    page: Page, email: str, site: Site
) -> None:
    await add_passkey(page, email)
    await page.get_by_role("button", name="Log out").click()
    await page.wait_for_url(f"{site.url}/account")  # by the offer, which is no step-up
    await page.evaluate(_SEND_NEW_PASSKEY)

    await page.get_by_role("button", name="Confirm with a passkey").click()

    await expect(page.get_by_role("button", name="Create the passkey")).to_be_visible()
    assert page.url == f"{site.url}/account/security/passkeys/add"


async def test_a_passkey_that_is_cancelled_is_said_in_plain_words(
    page: Page, authenticator: Authenticator, email: str
) -> None:
    await add_passkey(page, email)
    await authenticator.pretend(verified=False)
    await log_out(page)

    await page.get_by_role("button", name="Log in with a passkey").click()

    status = page.get_by_role("status").filter(has_text="The passkey was not used")
    await expect(status).to_be_visible()
    await expect(page.get_by_role("button", name="Log in with a passkey")).to_be_enabled()


async def test_a_device_that_has_a_passkey_already_says_so(
    page: Page, authenticator: Authenticator, email: str
) -> None:
    await add_passkey(page, email)
    await page.goto(SECURITY)
    await page.get_by_role("button", name="Add a passkey").click()

    await page.get_by_role("button", name="Create the passkey").click()

    await expect(page.get_by_text("This device has a passkey")).to_be_visible()
    assert len(await authenticator.passkeys()) == 1


async def test_a_passkey_of_another_service_is_refused_by_a_page(
    page: Page, authenticator: Authenticator, email: str
) -> None:
    await add_passkey(page, email)
    await authenticator.misbehave(isBogusSignature=True)
    await page.get_by_role("button", name="Log out").click()

    await expect(page.get_by_role("alert")).to_contain_text("This passkey was not accepted.")


async def test_too_many_challenges_are_said_in_plain_words(page: Page) -> None:
    await page.route("**/login/passkey/options", lambda route: route.fulfill(status=429))
    await page.goto("login")

    await page.get_by_role("button", name="Log in with a passkey").click()

    await expect(page.get_by_text("There were too many attempts.")).to_be_visible()


async def test_a_browser_without_passkeys_says_so(page: Page) -> None:
    await page.add_init_script("delete window.PublicKeyCredential")
    await page.goto("login")

    await page.get_by_role("button", name="Log in with a passkey").click()

    await expect(page.get_by_text("This browser cannot use passkeys here.")).to_be_visible()


async def test_without_scripts_pages_say_that_passkeys_need_them(
    open_context: OpenContext,
) -> None:
    async with open_context(java_script_enabled=False, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto("login")

        await expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
        await expect(page.get_by_role("button")).to_have_count(1)


@each_mode
async def test_a_form_is_sent_again_after_its_step_up(
    open_context: OpenContext, email: str, site: Site, watch: Watch, *, scripts: bool
) -> None:
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto("login?return_to=/account/security")
        await log_in(page, email)
        await page.get_by_role("button", name="Set up an app").click()
        await page.get_by_label("Password").fill("a wrong one")
        await page.get_by_role("button", name="Confirm").click()
        await expect(page.get_by_role("alert")).to_contain_text("That was not accepted.")
        await page.get_by_label("Password").fill(PASSWORD)
        watch.requests.clear()
        await page.get_by_role("button", name="Confirm").click()

        await expect(page.locator("svg.qr")).to_be_visible()
        assert page.url == f"{site.url}/account/security/totp"
        refused, sent = [each for each in watch.requests if each.is_navigation_request()]
        answer = await refused.response()
        assert answer
        assert answer.status == 307
        headers = await sent.all_headers()
        assert headers["sec-fetch-site"] == "same-origin"


async def test_recovery_codes_are_copied_downloaded_and_printed(
    open_context: OpenContext, email: str
) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    async with open_context(permissions=permissions, locale="en-GB") as context:
        page = await context.new_page()
        await add_authenticator(page)
        await page.add_init_script("window.print = () => document.title = 'printed'")
        await add_passkey(page, email)
        codes = await page.locator("ul.codes code").all_inner_texts()

        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_text("The codes are copied.")).to_be_visible()
        assert (await page.evaluate("navigator.clipboard.readText()")).split() == codes
        async with page.expect_download() as waiting:
            await page.get_by_role("button", name="Download").click()
        file = await waiting.value
        assert file.suggested_filename == "Doorward recovery codes.txt"
        assert (await file.path()).read_text().split() == codes
        await page.get_by_role("button", name="Print").click()
        await expect(page).to_have_title("printed")


async def test_without_their_script_recovery_codes_have_no_buttons(
    open_context: OpenContext, email: str
) -> None:
    async with open_context(locale="en-GB") as context:
        page = await context.new_page()
        await add_authenticator(page)
        await page.route(
            "**/codes*.js", lambda route: route.fulfill(content_type="text/javascript", body="")
        )
        await add_passkey(page, email)

        await expect(page.get_by_role("button", name="Copy")).to_have_count(0)


async def test_a_passkey_is_the_second_factor_of_a_new_password(
    page: Page, authenticator: Authenticator, email: str, site: Site
) -> None:
    await add_passkey(page, email)
    assert len(await authenticator.passkeys()) == 1
    await page.context.clear_cookies()
    await site.post(FORGOT, {"email": email})
    await page.goto(site.link(email, "password_reset"))
    await page.get_by_label("New password").fill(NEW_PASSWORD)

    await page.get_by_role("button", name="Use a passkey").click()

    await page.wait_for_url(re.compile("done=password_set|/account$"))  # the offer logs in, too
    with pytest.raises(AssertionError, match="second_factor_required"):
        await site.post(LOGIN, {"email": email, "password": NEW_PASSWORD})
