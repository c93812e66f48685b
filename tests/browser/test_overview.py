"""The overview for administrators, without scripts."""

import asyncio

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.test_pages import log_in
from tests.support.commands import in_a_process


async def test_an_auditor_chooses_a_period_and_reads_a_chart_as_a_table(
    open_context: OpenContext, site: Site
) -> None:
    email = await site.register()
    command = (site.service.folder, "users", "set-role", email, "auditor")
    done = await asyncio.to_thread(in_a_process, *command)
    assert done.returncode == 0, done.stderr
    async with open_context(java_script_enabled=False) as context:
        page = await context.new_page()
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
