"""The pages of users and mails for administrators, by keys alone."""

import re

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import each_mode, users
from tests.support.builders import PASSWORD


@each_mode
async def test_an_administrator_invites_a_user_and_disables_the_account(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    admin, invited = await site.register(), f"invited-{scripts}@example.org".lower()
    users(site, "promote", admin)
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login?return_to=/admin/users")
        await keyboard.log_in(admin)
        await keyboard.follow("Invite a user")
        await keyboard.type("Name", "Hedy Lamarr")
        await keyboard.type("Email address", invited)
        await keyboard.choose("Role", "Auditor")
        await keyboard.press("Send the invitation")
        await keyboard.read_problems()
        await keyboard.type("Reason", "new in the team")
        await keyboard.press("Send the invitation")
        await keyboard.step_up()
        await keyboard.see("Hedy Lamarr")
        await keyboard.read("The invitation is on its way.")

        await keyboard.follow("Users")
        await keyboard.type("Address begins with", invited)
        await keyboard.press("Search")
        await keyboard.follow("Hedy Lamarr")
        await keyboard.follow("Change the role")
        await keyboard.choose("Role", "User")
        await keyboard.type("Reason", "not yet")
        await keyboard.press("Change the role")
        await keyboard.see("Hedy Lamarr")
        await keyboard.follow("Disable the account")
        await keyboard.type("Reason", "left the team")
        await keyboard.press("Disable the account")
        await keyboard.read("The account is disabled.")
        await keyboard.read("disabled; reason: left the team")

        await keyboard.follow("Mail")
        await keyboard.follow(re.compile(f"Delete.*{invited}"))
        await keyboard.type("Reason", "left the team")
        await keyboard.press("Delete")
        await keyboard.read("The mail is deleted.")


async def test_an_invited_user_chooses_a_password_by_the_link(
    open_context: OpenContext, site: Site
) -> None:
    email = "by-link@example.org"
    users(site, "invite", email)
    async with open_context(locale="en-GB") as context:
        page = await context.new_page()
        await page.goto(site.link(email, "invitation"))
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_role("button", name="Set the password", exact=True).click()
        await expect(page.get_by_text("The new password is set.")).to_be_visible()

    assert await site.can_log_in(email, PASSWORD)
