"""The pages to log in and to manage an account, with and without scripts."""

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import each_mode, log_in
from tests.support.builders import PASSWORD


@each_mode
async def test_people_register_and_manage_their_account(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    email = f"pages-{scripts}@example.org".lower()
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto("register")
        await page.get_by_label("Name").fill("Ada")
        await page.get_by_label("Email address").fill(email)
        await page.get_by_label("Password").fill("short")
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_role("alert")).to_be_focused()
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()

        await page.goto("account/security")
        await log_in(page, email)
        await expect(page.get_by_role("heading", name="Login and security")).to_be_visible()
        assert page.url == f"{site.url}/account/security"
        await page.goto("account")
        await page.get_by_label("Language").select_option("de")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Ihr Profil ist gespeichert.")).to_be_visible()
        await page.get_by_role("button", name="Abmelden").click()
        await expect(page.get_by_text("You are logged out.")).to_be_visible()
        await page.go_back()
        await page.reload()
        await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
