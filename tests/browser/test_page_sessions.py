"""The session of pages survives what browsers do, even without any grace period of rotations."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Error, Page, Route, expect

from tests.browser.conftest import Site, a_site
from tests.browser.steps import log_in
from tests.browser.watch import Watch
from tests.support.waiting import PATIENCE

REFRESH = "refresh_token"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Every repetition is later than this grace period."""
    with a_site(tmp_path_factory.mktemp("strict"), REFRESH_GRACE="0s") as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session", name="tab")
async def _tab(page: Page, site: Site) -> AsyncIterator[Page]:
    """The page of an account, whose access token has expired."""
    email = await site.register()
    await page.goto("login")
    await log_in(page, email)
    await expect(page.get_by_role("heading", name="My account")).to_be_visible()
    await expire(page)
    yield page


async def expire(tab: Page) -> None:
    """Drop the cookie of the access token, as browsers do when it has expired."""
    await tab.context.clear_cookies(name="access_token")


async def refresh_token(tab: Page) -> str:
    [found] = [each for each in await tab.context.cookies() if each["name"] == REFRESH]
    return found["value"]


async def see(tab: Page, heading: str) -> None:
    await expect(tab.get_by_role("heading", name=heading, exact=True)).to_be_visible()


async def lose(route: Route) -> None:
    """Have the service answer, and the browser get nothing."""
    request = route.request
    cookies = await request.frame.page.context.cookies()
    headers = {
        "Cookie": "; ".join(f"{each['name']}={each['value']}" for each in cookies),
        "Origin": "http://" + request.url.split("/")[2],
        "Content-Type": "application/x-www-form-urlencoded",
    }
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.request(
            request.method, request.url, headers=headers, content=request.post_data
        )
    assert answer.status_code in {200, 303}
    assert REFRESH in answer.headers["set-cookie"]
    await route.abort()


async def test_two_tabs_that_refresh_at_once_stay_logged_in(tab: Page) -> None:
    before = await refresh_token(tab)
    second = await tab.context.new_page()

    await asyncio.gather(tab.goto("account/sessions"), second.goto("account/activity"))

    await see(tab, "Devices")
    await see(second, "Activity")
    assert await refresh_token(tab) != before
    for each in (tab, second):
        await expire(tab)
        await each.reload()
    await see(tab, "Devices")
    await see(second, "Activity")


async def test_the_back_button_logs_nobody_out(tab: Page) -> None:
    await tab.goto("account/sessions")
    await tab.goto("account/activity")
    for heading in ("Devices", "My account"):
        await expire(tab)
        await tab.go_back()
        await see(tab, heading)
    await expire(tab)
    await tab.go_forward()
    await see(tab, "Devices")


async def test_a_lost_answer_logs_nobody_out(tab: Page) -> None:
    before = await refresh_token(tab)
    await tab.route("**/account/sessions", lose)
    for _ in range(3):
        with pytest.raises(Error, match="ERR_FAILED"):
            await tab.goto("account/sessions")
    assert await refresh_token(tab) == before
    await tab.unroute_all()

    await tab.goto("account/sessions")

    await see(tab, "Devices")
    assert await refresh_token(tab) != before


async def test_a_lost_answer_to_a_form_logs_nobody_out(tab: Page, site: Site) -> None:
    await tab.route("**/account", lose)
    await tab.get_by_label("Name").fill("Ada Lovelace")
    await tab.get_by_role("button", name="Save").click()
    await expect(tab.get_by_role("heading")).to_have_count(0)
    await tab.unroute_all()

    await tab.goto(f"{site.url}/account")

    await expect(tab.get_by_label("Name")).to_have_value("Ada Lovelace")


async def test_a_prefetch_does_not_refresh_the_session(
    tab: Page, site: Site, watch: Watch
) -> None:
    before = await refresh_token(tab)
    link = f"<!doctype html><link rel=prefetch href={site.url}/account/sessions>"
    await tab.route("**/start", lambda route: route.fulfill(content_type="text/html", body=link))
    async with tab.expect_response("**/account/sessions") as waiting:
        await tab.goto("start")
    answer = await waiting.value
    assert answer.status == 503
    assert "prefetch" in (await answer.request.all_headers())["sec-purpose"]
    assert await refresh_token(tab) == before

    await tab.goto("account/sessions")

    await see(tab, "Devices")
    watch.problems.clear()
