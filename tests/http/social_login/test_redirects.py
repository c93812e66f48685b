"""No link leads through a login to a page of strangers."""

import pytest

from tests.http.client import MY_IDENTITIES, STEP_UP_SOCIAL
from tests.http.failing_requests import problems_of
from tests.http.social_login.conftest import SPA, Browser, place_of
from tests.support.social_login import FakeProvider

TRICKS = [
    "https://evil.example",
    "https://evil.example/account",
    "http:evil.example",
    "https:/evil.example",
    "https:evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    " /account",
    "/account evil",
    "/..//evil.example",
    "/./account",
    "/a/../../b",
    "/%2e%2e/evil",
    "/.%2E/evil",
    "account",
    "?x",
    "#x",
    "/account#x",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "com.example.app:/callback",
    "https://spa.example",
    "https://spa.example/after/",
    "https://spa.example/after?x",
    "https://spa.example/after#x",
    "https://spa.example@evil.example/after",
    "https://spa.example.evil.example/after",
    "https://SPA.example/after",
    "http://spa.example/after",
    "/\u2028/evil.example",
    "/é",
    "/a\x00b",
    "/" + "a" * 1000,
    "",
]
"""The address of the application is for its code only: a browser with cookies has no use of it."""


@pytest.mark.parametrize("return_to", TRICKS)
async def test_a_login_leads_to_no_other_address(
    browser: Browser, acme: FakeProvider, return_to: str
) -> None:
    answer = await browser.start(return_to=return_to)

    assert [each["field"] for each in problems_of(answer)] == ["return_to"]
    assert acme.sent == []


@pytest.mark.parametrize("path", [f"{MY_IDENTITIES}/acme", STEP_UP_SOCIAL])
async def test_links_and_step_ups_lead_to_no_other_address(
    browser: Browser, acme: FakeProvider, path: str
) -> None:
    await browser.log_in()
    acme.sent.clear()

    for return_to in TRICKS:
        answer = await browser.client.post(path, json={"return_to": return_to})

        assert [each["field"] for each in problems_of(answer)] == ["return_to"]
    assert acme.sent == []


@pytest.mark.parametrize(
    "return_to",
    ["/", "/account", "/account/security?done=x&y=%2F%2F", "/app/a.b/..c", "/a//b", "/@x:y", SPA],
)
async def test_paths_and_listed_pages_are_kept_to_the_letter(
    browser: Browser, return_to: str
) -> None:
    answer = await browser.log_in(return_to=return_to)

    assert place_of(answer)
    assert answer.headers["location"] == return_to
