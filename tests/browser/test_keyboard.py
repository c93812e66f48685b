"""The account with the Tab and Enter keys alone, with and without scripts."""

import re

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import code_of, each_mode, prove
from tests.http.client import LOGIN, NEW_PASSWORD
from tests.support.builders import PASSWORD


@each_mode
async def test_an_account_is_used_with_the_keyboard_alone(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    email = f"keyboard-{scripts}@example.org".lower()
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login")
        await keyboard.follow("Create an account")
        await keyboard.type("Name", "Ada")
        await keyboard.type("Email address", email)
        await keyboard.type("Password", PASSWORD)
        await page.keyboard.press("Enter")
        await keyboard.see("Check your mail")
        await prove(site, email)  # what enrolment asks for; see test_link_pages.py

        await keyboard.follow("Go to the login")
        await keyboard.log_in(email)
        await keyboard.follow("Login and security")
        await keyboard.press("Set up an app")
        await keyboard.type("Password", PASSWORD)
        await keyboard.press("Confirm")
        await keyboard.see("Set up an authenticator app")
        await expect(page.locator("svg.qr")).to_be_visible()
        secret = await page.locator("code").inner_text()
        await keyboard.type("Code", code_of(secret))
        await keyboard.press("Confirm")
        await keyboard.see("Your recovery codes")
        assert await page.locator("ul.codes code").count() == 10
        await keyboard.follow("I have kept them")
        await keyboard.press("Log out")

        await keyboard.log_in(email)
        await keyboard.see("Confirm that it is you")
        await keyboard.type("Code", "no code")
        await keyboard.press("Log in")
        await keyboard.read_problems()
        await keyboard.type("Code", code_of(secret, steps_later=1))
        await keyboard.press("Log in")
        await keyboard.see("My account")
        await keyboard.type("Name", "Ada Lovelace")
        await keyboard.press("Save")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")
        await keyboard.press("Log out")
        await keyboard.read("You are logged out.")


@each_mode
async def test_a_password_is_changed_and_reset_with_the_keyboard_alone(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    email = await site.register()
    for _ in range(3):
        await site.post(LOGIN, {"email": email, "password": PASSWORD})  # other devices
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login?return_to=/account/sessions")
        await keyboard.log_in(email)
        await keyboard.see("Devices")
        await expect(page.locator("ul.cards li")).to_have_count(4)
        await keyboard.press(re.compile("Log out there"))
        await expect(page.locator("ul.cards li")).to_have_count(3)
        await keyboard.press("Log out on all other devices")
        await expect(page.locator("ul.cards li")).to_have_count(1)
        await expect(page.get_by_text("this one")).to_be_visible()
        await keyboard.follow("Password")
        await keyboard.type("Current password", "a wrong one")
        await keyboard.type("New password", "a better one than before")
        await keyboard.press("Change the password")
        await keyboard.read_problems()
        await keyboard.type("Current password", PASSWORD)
        await keyboard.type("New password", "a better one than before")
        await keyboard.press("Change the password")
        await keyboard.see("My account")
        await keyboard.follow("Activity")
        await keyboard.read("Password changed: wrong current password")
        await keyboard.press("Log out")
        await keyboard.see("Log in")

        await keyboard.follow("Forgot your password?")
        await keyboard.type("Email address", email)
        await keyboard.press("Send the link")
        await keyboard.see("Check your mail")
        link = site.link(email, "password_reset")
        await page.goto(link)
        if not scripts:
            await keyboard.type("Link from the mail", link)
            await keyboard.press("Continue")
        await keyboard.type("New password", NEW_PASSWORD)
        await keyboard.press("Set the password")
        await keyboard.read("The new password is set.")
        await keyboard.log_in(email, NEW_PASSWORD)
        await keyboard.see("My account")
