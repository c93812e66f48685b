"""The pages of the users for administrators, with and without scripts."""

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import each_mode, log_in, step_up, users
from tests.support.builders import PASSWORD


@each_mode
async def test_an_administrator_invites_a_user_and_disables_the_account(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    admin, invited = await site.register(), f"invited-{scripts}@example.org".lower()
    users(site, "promote", admin)
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto("login?return_to=/admin/users")
        await log_in(page, admin)
        await page.get_by_role("link", name="Invite a user").click()
        await page.get_by_label("Name").fill("Hedy Lamarr")
        await page.get_by_label("Email address").fill(invited)
        await page.get_by_label("Role").select_option("auditor")
        await page.get_by_role("button", name="Send the invitation").click()
        await expect(page.get_by_role("alert")).to_be_focused()
        await page.get_by_label("Reason").fill("new in the team")
        await page.get_by_role("button", name="Send the invitation").click()
        await step_up(page)
        await expect(page.get_by_role("heading", name="Hedy Lamarr")).to_be_visible()
        await expect(page.get_by_text("The invitation is on its way.")).to_be_visible()

        await page.get_by_role("link", name="Users", exact=True).first.click()
        await page.get_by_label("Address begins with").fill(invited)
        await page.get_by_role("button", name="Search").click()
        await page.get_by_role("link", name="Hedy Lamarr").click()
        await page.get_by_role("link", name="Disable the account").click()
        await page.get_by_label("Reason").fill("left the team")
        await page.get_by_role("button", name="Disable the account").click()
        await expect(page.get_by_text("The account is disabled.")).to_be_visible()
        await expect(page.get_by_text("disabled; reason: left the team")).to_be_visible()


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
