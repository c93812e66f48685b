"""The pages of the audit log and the signing keys, by keys alone."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.keyboard import Keyboard
from tests.browser.steps import each_mode, users


@each_mode
async def test_an_administrator_rotates_a_key_and_finds_that_in_the_audit_log(
    open_context: OpenContext, site: Site, tmp_path: Path, *, scripts: bool
) -> None:
    kind = "refresh" if scripts else "access"  # of one kind, a rotation is under way then
    admin = await site.register()
    users(site, "promote", admin)
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        keyboard = Keyboard(page)
        await page.goto("login?return_to=/admin/keys")
        await keyboard.log_in(admin)
        await keyboard.follow(f"Rotate the key of {kind} tokens")
        await keyboard.press("Rotate")
        await keyboard.read_problems()
        await keyboard.type("Reason", "as each year")
        await keyboard.press("Rotate")
        await keyboard.step_up()
        await expect(page.get_by_role("status")).to_be_visible()

        await keyboard.follow("Audit log")
        await keyboard.type("Acting administrator", admin)
        await keyboard.reach(page.get_by_label("From", exact=True))
        await page.keyboard.type("01012026")
        await page.keyboard.press("ArrowRight")  # a year may have more digits
        await page.keyboard.type("120000am")  # the clock of the machine may have 24 hours
        await keyboard.press("Show these only")
        await expect(page.get_by_label("Acting administrator")).to_have_value(admin)
        await expect(page.get_by_label("From", exact=True)).to_have_value(
            re.compile("^2026-01-01T")
        )
        async with page.expect_download() as downloading:
            await keyboard.follow("As a table (CSV)")
        await (await downloading.value).save_as(table := tmp_path / "audit.csv")
        await keyboard.follow("Signing keys rotated")
        await keyboard.read(f"{kind}; reason: as each year")
        await keyboard.read("The event is as it was recorded")

    head, *events = table.read_text().splitlines()
    assert head.startswith("number,at,what,outcome")
    row = f"rotate keys,success,{kind}; reason: as each year"
    assert any(row in each for each in events)
