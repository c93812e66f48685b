"""What browsers do with pages: load files, follow redirects and go back."""

from playwright.async_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.steps import log_in
from tests.browser.watch import Watch

LOADED = """() => performance.getEntriesByType('resource').map((each) =>
    [new URL(each.name).pathname, each.transferSize, each.renderBlockingStatus])"""


async def test_a_page_loads_its_files_once_and_waits_for_the_stylesheet_alone(page: Page) -> None:
    await page.goto("login")
    first = await page.evaluate(LOADED)
    await page.goto("register")
    second = await page.evaluate(LOADED)

    assert first
    assert all(size > 0 for _, size, _ in first)
    assert [path for path, _, status in first if status == "blocking"] == [
        path for path, _, _ in first if path.endswith(".css")
    ]
    assert [path for path, size, _ in second if size > 0] == []


async def test_a_login_leads_to_the_listed_page_of_an_application(
    page: Page, site: Site, watch: Watch
) -> None:
    email = await site.register()
    await page.goto(f"login?return_to={site.return_target}")

    await log_in(page, email)

    await page.wait_for_url(site.return_target)
    elsewhere = [each for each in watch.problems if each.startswith("calls http://127.0.0.1:")]
    assert watch.problems == elsewhere  # the page of the application, and its files
    watch.problems.clear()


async def test_the_back_button_shows_no_account_after_a_logout(page: Page, site: Site) -> None:
    email = await site.register()
    await page.goto("login")
    await log_in(page, email)
    await expect(page.get_by_text(email)).to_be_visible()
    await page.get_by_role("banner").get_by_role("button").click()
    await page.wait_for_url("**/login?done=logged_out")

    await page.go_back()

    await page.wait_for_url("**/login?return_to=/account")
    await expect(page.get_by_text(email)).to_have_count(0)
