"""The pages for one's address, one's data and the end of an account, by keys alone."""

import json
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import each_mode
from tests.support.builders import PASSWORD


@each_mode
async def test_a_user_asks_for_another_address_takes_the_data_and_leaves(
    open_context: OpenContext, site: Site, tmp_path: Path, *, scripts: bool
) -> None:
    email, new = await site.register(), f"new-{scripts}@example.org".lower()
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login")
        await keyboard.log_in(email)
        await keyboard.follow("Change the email address")
        await keyboard.type("New email address", new)
        await keyboard.type("Password", "a wrong one")
        await keyboard.press("Send the link")
        await keyboard.read_problems()
        await expect(page.get_by_label("New email address")).to_have_value(new)
        await keyboard.type("Password", PASSWORD)
        await keyboard.press("Send the link")
        await keyboard.read(f"We have sent a mail to {new}.")
        assert site.link(new, "email_change")

        await keyboard.follow("Profile")
        await keyboard.follow("Download my data")
        await keyboard.step_up()
        await keyboard.see("Download my data")
        async with page.expect_download() as downloading:
            await keyboard.press("Download")
        await (await downloading.value).save_as(file := tmp_path / "account.json")
        assert json.loads(file.read_text())["user"]["email"] == email

        await keyboard.follow("Profile")
        await keyboard.follow("Delete my account")
        await keyboard.read("It cannot be undone.")
        await keyboard.type("Password", PASSWORD)
        await keyboard.press("Delete my account for ever")
        await keyboard.see("Your account is deleted")
        await page.goto("account")
        await keyboard.see("Log in")
    assert not await site.can_log_in(email, PASSWORD)
