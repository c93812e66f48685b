"""The overview for administrators, without scripts."""

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import log_in, users


async def test_an_auditor_chooses_a_period_and_reads_a_chart_as_a_table(
    open_context: OpenContext, site: Site
) -> None:
    email = await site.register()
    users(site, "set-role", email, "auditor")
    async with open_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto("login")
        await log_in(page, email)
        await page.get_by_role("link", name="Administration").click()
        await expect(page.get_by_role("img", name="Logins", exact=True)).to_be_visible()

        await page.get_by_role("link", name="30 days").click()
        await page.wait_for_url("**/admin?period=30d")
        summary = page.get_by_text("Show as a table: Logins", exact=True)
        await summary.focus()
        await summary.press("Enter")

        rows = page.get_by_role("figure", name="Logins", exact=True).get_by_role("row")
        await expect(rows).to_have_count(31)
        await expect(page.get_by_text("works", exact=True)).to_have_count(3)
