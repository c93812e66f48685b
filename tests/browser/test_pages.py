"""The pages for people, in a narrow window."""

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Site
from tests.browser.watch import Watch
from tests.support.builders import PASSWORD

NARROW = {"width": 320, "height": 640}
"""In CSS pixels, as WCAG 2.2 has it (1.4.10 Reflow)."""


async def check_fits(page: Page) -> None:
    """Check that the page does not have to be scrolled sideways."""
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"], page.url


async def log_in(page: Page, email: str) -> None:
    await page.goto("login")
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button").click()
    await expect(page.get_by_text(email)).to_be_visible()


async def test_a_person_registers_and_reaches_every_page_of_the_account(
    open_context: OpenContext, site: Site
) -> None:
    email = f"pages-{site.service.port}@example.org"
    async with open_context(viewport=NARROW) as context:
        page = await context.new_page()
        await page.goto("register")
        await check_fits(page)
        await page.get_by_label("Name").fill("Ada")
        await page.get_by_label("Email").fill(email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("main").get_by_role("button").click()
        await expect(page.get_by_label("Name")).to_have_count(0)
        await log_in(page, email)

        links = page.get_by_role("navigation").get_by_role("link")
        count = await links.count()
        assert count >= 5
        for number in range(count):
            await links.nth(number).click()
            await expect(links.nth(number)).to_have_attribute("aria-current", "page")
            await expect(page).to_have_title(re.compile(".+ \N{EN DASH} Doorward"))
            await check_fits(page)


async def test_a_login_leads_to_the_listed_page_of_an_application(
    page: Page, site: Site, watch: Watch
) -> None:
    email = await site.register()
    await page.goto(f"login?return_to={site.return_target}")
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)

    await page.get_by_role("main").get_by_role("button").click()

    await page.wait_for_url(site.return_target)
    elsewhere = [each for each in watch.problems if each.startswith("calls http://127.0.0.1:")]
    assert watch.problems == elsewhere  # the page of the application, and its files
    watch.problems.clear()


async def test_the_back_button_shows_no_account_after_a_logout(page: Page, site: Site) -> None:
    email = await site.register()
    await log_in(page, email)
    await page.get_by_role("banner").get_by_role("button").click()
    await page.wait_for_url("**/login?done=logged_out")

    await page.go_back()

    await page.wait_for_url("**/login?return_to=/account")
    await expect(page.get_by_text(email)).to_have_count(0)
