"""The pages of the audit log and the signing keys, with and without scripts."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.steps import each_mode, log_in, step_up, users


@each_mode
async def test_an_administrator_rotates_a_key_and_finds_that_in_the_audit_log(
    open_context: OpenContext, site: Site, tmp_path: Path, *, scripts: bool
) -> None:
    kind = "refresh" if scripts else "access"  # of one kind, a rotation is under way then
    admin = await site.register()
    users(site, "promote", admin)
    async with open_context(java_script_enabled=scripts, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto("login?return_to=/admin/keys")
        await log_in(page, admin)
        await page.get_by_role("link", name=f"Rotate the key of {kind} tokens").click()
        await page.get_by_role("button", name="Rotate").click()
        await expect(page.get_by_role("alert")).to_be_focused()
        await page.get_by_label("Reason").fill("as each year")
        await page.get_by_role("button", name="Rotate").click()
        await step_up(page)
        await expect(page.get_by_role("status")).to_be_visible()

        await page.get_by_role("link", name="Audit log").click()
        await page.get_by_label("Acting administrator").fill(admin)
        await page.get_by_label("From").fill("2026-01-01T00:00:00")
        await page.get_by_role("button", name="Show these only").click()
        await expect(page.get_by_label("Acting administrator")).to_have_value(admin)
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="As a table (CSV)").click()
        await (await downloading.value).save_as(table := tmp_path / "audit.csv")
        await page.get_by_role("link", name="Signing keys rotated").first.click()
        await expect(page.get_by_text(f"{kind}; reason: as each year")).to_be_visible()
        await expect(page.get_by_text("The event is as it was recorded")).to_be_visible()

    head, *events = table.read_text().splitlines()
    assert head.startswith("number,at,what,outcome")
    row = f"rotate keys,success,{kind}; reason: as each year"
    assert any(row in each for each in events)
