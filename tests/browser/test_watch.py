"""The browser of the tests notices what no page of the service may do."""

from asyncio import timeout

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Site
from tests.browser.watch import Watch
from tests.support.waiting import PATIENCE

POLICY = "default-src 'none'; script-src 'self'; connect-src *"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("document.body.innerHTML = '<p style=\"color: red\">'", "Content Security Policy"),
        ("null.oops", "script: Cannot read properties of null"),
        ("console.warn('deprecated')", "warning: deprecated"),
        ("fetch('../missing.js')", "the server responded with a status of 404"),
        ("fetch('http://cdn.example/')", "calls http://cdn.example/"),
    ],
)
async def test_a_page_that_misbehaves_fails_its_test(
    page: Page, site: Site, watch: Watch, script: str, problem: str
) -> None:
    html = "<!doctype html><body></body><script src='script.js'></script>"
    await page.route(
        "**/page/*",
        lambda route: route.fulfill(
            content_type="text/html", body=html, headers={"Content-Security-Policy": POLICY}
        ),
    )
    await page.route(
        "**/page/script.js",
        lambda route: route.fulfill(content_type="text/javascript", body=script),
    )
    anyone = {"Access-Control-Allow-Origin": "*"}
    await page.route("http://cdn.example/", lambda route: route.fulfill(headers=anyone))

    await page.goto(f"{site.url}/page/index")
    async with timeout(PATIENCE):
        while not any(problem in each for each in watch.problems):
            await page.evaluate("new Promise(requestAnimationFrame)")

    watch.problems.clear()


async def test_a_link_to_a_page_that_is_not_there_fails_the_test(page: Page, watch: Watch) -> None:
    await page.goto("no-such-page")
    async with timeout(PATIENCE):
        while not watch.problems:
            await page.evaluate("new Promise(requestAnimationFrame)")

    [problem] = watch.problems
    assert "status of 404" in problem
    watch.problems.clear()


async def test_an_error_that_the_api_answers_is_no_problem_of_the_page(
    page: Page, watch: Watch
) -> None:
    await page.goto("verify")

    status = await page.evaluate("fetch('api/users/me').then((answer) => answer.status)")

    assert (status, watch.problems) == (401, [])
