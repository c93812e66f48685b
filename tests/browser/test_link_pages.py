"""The pages that links in mails lead to, with the service behind them."""

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.watch import Watch
from tests.http.client import (
    CHECK_RESET,
    FORGOT,
    LOGIN,
    MY_EMAIL,
    NEW_PASSWORD,
    PROOF,
    RESET,
    UNDO_EMAIL,
)
from tests.support.builders import PASSWORD

INVALID = "#token=" + "x" * 43
"""What a link ends with that this service has not sent."""


def posts(watch: Watch, site: Site) -> list[str]:
    """The paths below the service that pages have posted to."""
    sent = [each.url for each in watch.requests if each.method == "POST"]
    return [url.removeprefix(site.url) for url in sent]


async def submit(page: Page, password: str = "") -> None:
    if password:
        await page.locator("#password").fill(password)
    await page.locator("#button").click()


async def message(page: Page, text: str) -> None:
    await expect(page.locator("#message")).to_contain_text(text)


async def test_a_password_is_reset_and_the_token_appears_in_no_address(
    page: Page, site: Site, watch: Watch
) -> None:
    email = await site.register()
    await site.post(FORGOT, {"email": email})
    link = site.link(email, "password_reset")
    token = link.partition("#token=")[2]

    await page.goto(link)
    await message(page, "All devices are logged out then.")
    await submit(page, "short")
    await message(page, "Please choose another password")
    await expect(page.locator("#password")).to_be_focused()
    await submit(page, NEW_PASSWORD)
    await message(page, "The new password is set.")

    await expect(page.locator("#form")).to_be_hidden()
    assert await site.can_log_in(email, NEW_PASSWORD)
    assert page.url == f"{site.url}/reset"
    assert await page.evaluate("history.length") == 2  # about:blank, and this page without token
    assert posts(watch, site) == [CHECK_RESET, RESET, RESET]
    for request in watch.requests:
        sent = await request.all_headers()
        assert token not in request.url.partition("#")[0] + str(sent)
        assert "referer" not in sent


async def test_the_reset_page_asks_for_no_password_after_an_invalid_link(page: Page) -> None:
    await page.goto(f"reset{INVALID}")

    await message(page, "This link is not valid")
    await expect(page.locator("#form")).to_be_hidden()


async def test_an_address_is_proved_with_the_password(page: Page, site: Site) -> None:
    email = await site.register()

    await page.goto(site.link(email, "email_verification"))
    await message(page, "If you leave the password out")
    await submit(page, NEW_PASSWORD)
    await message(page, "This password is wrong.")
    await expect(page.locator("#password")).to_be_focused()
    await submit(page, PASSWORD)

    await message(page, "Thank you. The address is confirmed.")
    await expect(page.locator("#form")).to_be_hidden()
    assert await site.can_log_in(email, PASSWORD)


async def test_an_address_is_proved_without_the_password(page: Page, site: Site) -> None:
    email = await site.register()

    await page.goto(site.link(email, "email_verification"))
    await submit(page)

    await message(page, "A mail with a link to set a new password is on its way.")
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
    await submit(page)
    await message(page, "Thank you. The address is confirmed.")
    await page.goto(site.link(email, "email_changed"))
    await message(page, "This cancels the change of your address")
    assert posts(watch, site) == [PROOF]
    await expect(page.locator("#field")).to_be_hidden()
    await submit(page)

    await message(page, "Your former address is restored.")
    assert posts(watch, site) == [PROOF, UNDO_EMAIL]
    proof, undo = [await each.all_headers() for each in watch.requests if each.method == "POST"]
    assert "cookie" in proof
    assert "cookie" not in undo


async def test_a_page_without_a_token_asks_to_open_the_link_again(
    page: Page, watch: Watch, site: Site
) -> None:
    await page.goto("reset")

    await message(page, "Please open the link in the mail again.")
    assert posts(watch, site) == []


async def test_a_second_link_in_the_same_tab_is_a_page_of_its_own(page: Page) -> None:
    await page.goto("verify")
    await message(page, "Please open the link in the mail again.")

    await page.goto(f"verify{INVALID}")

    await message(page, "If you leave the password out")


async def test_a_page_is_in_the_language_of_the_browser(open_context: OpenContext) -> None:
    async with open_context(locale="de-AT") as context:
        page = await context.new_page()
        await page.goto(f"verify{INVALID}")
        await expect(page).to_have_title("E-Mail-Adresse bestätigen")
        await submit(page)

        await message(page, "Dieser Link ist nicht")
        assert await page.locator("html").get_attribute("lang") == "de"
