"""The pages for one's address, one's data and the end of an account, with and without scripts."""

import json
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import each_mode, log_in, step_up
from tests.support.builders import PASSWORD


@each_mode
async def test_a_user_asks_for_another_address_takes_the_data_and_leaves(
    open_context: OpenContext, site: Site, tmp_path: Path, *, scripts: bool
) -> None:
    email, new = await site.register(), f"new-{scripts}@example.org".lower()
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto("login?return_to=/account/email")
        await log_in(page, email)
        await page.get_by_label("New email address").fill(new)
        await page.get_by_label("Password").fill("a wrong one")
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("alert")).to_be_focused()
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_text(f"We have sent a mail to {new}.")).to_be_visible()
        assert site.link(new, "email_change")

        await page.goto("account/export")
        await step_up(page)
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="Download").click()
        await (await downloading.value).save_as(file := tmp_path / "account.json")
        assert json.loads(file.read_text())["user"]["email"] == email

        await page.goto("account/delete")
        await expect(page.get_by_text("It cannot be undone.")).to_be_visible()
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Delete my account for ever").click()
        await expect(page.get_by_role("heading", name="Your account is deleted")).to_be_visible()
        await page.goto("account")
        await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert not await site.can_log_in(email, PASSWORD)
