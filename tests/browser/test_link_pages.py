"""The pages that links in mails lead to, with the service behind them."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.watch import Watch
from tests.http.client import FORGOT, LOGIN, MY_EMAIL, NEW_PASSWORD
from tests.support.builders import PASSWORD

INVALID = "#token=" + "x" * 43
"""What a link ends with that this service has not sent."""


def posts(watch: Watch, site: Site) -> list[str]:
    """The paths below the service that pages have posted to."""
    sent = [each.url for each in watch.requests if each.method == "POST"]
    return [url.removeprefix(site.url) for url in sent]


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def see(page: Page, heading: str) -> None:
    await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


async def test_a_password_is_reset_and_the_token_appears_in_no_address(
    page: Page, site: Site, watch: Watch
) -> None:
    email = await site.register()
    await site.post(FORGOT, {"email": email})
    link = site.link(email, "password_reset")
    token = link.partition("#token=")[2]

    await page.goto(link)
    await expect(page.get_by_text("This logs out all devices.")).to_be_visible()
    await page.get_by_label("New password").fill("short")
    await press(page, "Set the password")
    await expect(page.get_by_role("alert")).to_be_focused()
    await page.get_by_label("New password").fill(NEW_PASSWORD)
    await press(page, "Set the password")
    await expect(page.get_by_text("The new password is set.")).to_be_visible()

    assert await site.can_log_in(email, NEW_PASSWORD)
    assert posts(watch, site)[:3] == ["/reset"] * 3  # the first one checks the link
    for request in watch.requests:
        sent = await request.all_headers()
        assert token not in request.url.partition("#")[0] + str(sent)


async def test_the_reset_page_asks_for_no_password_after_an_invalid_link(page: Page) -> None:
    await page.goto(f"reset{INVALID}")

    await see(page, "This link is not valid")
    await expect(page.get_by_role("textbox")).to_have_count(0)


async def test_an_address_is_proved_with_the_password(
    page: Page, site: Site, watch: Watch
) -> None:
    email = await site.register()

    await page.goto(site.link(email, "email_verification"))
    await expect(page.get_by_label("Your password")).to_have_count(0)
    await expect(page.get_by_label("Link from the mail")).to_be_hidden()
    assert page.url == f"{site.url}/verify"
    assert posts(watch, site) == []  # scanners of mail open links and run scripts
    await page.get_by_label("Password").fill(NEW_PASSWORD)
    await press(page, "Confirm")
    await expect(page.get_by_role("alert")).to_contain_text("Password is wrong")
    await page.get_by_label("Password").fill(PASSWORD)
    await press(page, "Confirm")

    await see(page, "Your address is confirmed")
    assert await site.can_log_in(email, PASSWORD)


async def test_an_address_is_proved_without_the_password(page: Page, site: Site) -> None:
    email = await site.register()

    await page.goto(site.link(email, "email_verification"))
    await press(page, "Confirm")

    await expect(page.get_by_text("A mail with a link to set a new password")).to_be_visible()
    assert not await site.can_log_in(email, PASSWORD)


async def test_a_change_of_the_address_is_confirmed_with_cookies_and_undone_without(
    page: Page, site: Site, watch: Watch
) -> None:
    email = await site.register()
    login = {"email": email, "password": PASSWORD}
    origin = {"Origin": site.origin}
    api = page.context.request
    await api.post(site.url + LOGIN, data=login, headers=origin)
    change = {"email": f"new-{email}", "password": PASSWORD}
    await api.post(site.url + MY_EMAIL, data=change, headers=origin)

    await page.goto(site.link(change["email"], "email_change"))
    await press(page, "Confirm")
    await see(page, "Your address is confirmed")
    await page.context.clear_cookies()
    await page.goto(site.link(email, "email_changed"))
    await expect(page.get_by_text("This cancels the change of your address")).to_be_visible()
    assert posts(watch, site) == ["/verify"]
    await press(page, "Cancel the change")

    await see(page, "Your former address is restored")
    assert posts(watch, site) == ["/verify", "/undo"]


async def test_a_page_without_a_token_asks_for_the_link(
    page: Page, watch: Watch, site: Site
) -> None:
    await page.goto("reset")

    await expect(page.get_by_label("Link from the mail")).to_be_visible()
    assert posts(watch, site) == []


async def test_a_second_link_in_the_same_tab_is_a_page_of_its_own(page: Page) -> None:
    await page.goto("verify")
    await expect(page.get_by_label("Link from the mail")).to_be_visible()

    await page.goto(f"verify{INVALID}")

    await expect(page.get_by_label("Link from the mail")).to_be_hidden()


@pytest.mark.parametrize("kind", ["password_reset", "email_verification"])
async def test_without_scripts_a_link_is_pasted(
    open_context: OpenContext, site: Site, kind: str
) -> None:
    email = await site.register()
    await site.post(FORGOT, {"email": email})
    link = site.link(email, kind)
    async with open_context(java_script_enabled=False, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto(link)
        await page.get_by_label("Link from the mail").fill(link)
        if kind == "password_reset":
            await press(page, "Continue")
            await page.get_by_label("New password").fill(NEW_PASSWORD)
            await press(page, "Set the password")
            await expect(page.get_by_text("The new password is set.")).to_be_visible()
        else:
            await page.get_by_label("Password").fill(PASSWORD)
            await press(page, "Confirm")
            await see(page, "Your address is confirmed")


async def test_a_page_is_in_the_language_of_the_browser(open_context: OpenContext) -> None:
    async with open_context(locale="de-AT") as context:
        page = await context.new_page()
        await page.goto(f"verify{INVALID}")
        await see(page, "E-Mail-Adresse bestätigen")
        await press(page, "Bestätigen")

        await see(page, "Dieser Link ist nicht gültig")
        assert await page.locator("html").get_attribute("lang") == "de"
