"""The overview for administrators, with the Tab and Enter keys alone."""

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import each_mode, users


@each_mode
async def test_an_auditor_chooses_a_period_and_reads_a_chart_as_a_table(
    open_context: OpenContext, site: Site, *, scripts: bool
) -> None:
    email = await site.register()
    users(site, "set-role", email, "auditor")
    async with open_context(java_script_enabled=scripts) as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login")
        await keyboard.log_in(email)
        await keyboard.follow("Administration")
        await expect(page.get_by_role("img", name="Logins", exact=True)).to_be_visible()

        await keyboard.follow("30 days")
        await page.wait_for_url("**/admin?period=30d")
        await keyboard.reach(page.get_by_text("Show as a table: Logins", exact=True))
        await page.keyboard.press("Enter")

        rows = page.get_by_role("figure", name="Logins", exact=True).get_by_role("row")
        await expect(rows).to_have_count(31)
        await expect(page.get_by_text("works", exact=True)).to_have_count(3)
