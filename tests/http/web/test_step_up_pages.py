"""A form that needs a step-up is sent again by the browser, with what was typed."""

from datetime import timedelta

import pytest

from api.security.return_to import ReturnTargets
from tests.http.client import Client
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA = "ada@example.org"
ADD, STEP_UP = "/account/security/passkeys/add", "/account/step-up"


@pytest.fixture
async def asked(browser: Browser, client: Client) -> Page:
    """The page that asks for a step-up in place of a form of Ada."""
    await client.register(ADA)
    await browser.log_in(ADA, PASSWORD)
    fields = {"name": 'My "phone"', "code": "123456", "note": "two\r\nlines", "step_up_x": "1"}
    return await browser.post(ADD, fields)


async def test_a_step_up_keeps_what_was_typed(browser: Browser, asked: Page) -> None:
    assert asked.status == 200
    assert asked.read.forms[STEP_UP] == {
        "name": 'My "phone"',
        "note": "two\r\nlines",
        "code": "123456",
        "step_up_email": ADA,
        "step_up_password": "",
        "step_up_to": ADD,
        "step_up_return_to": "",
    }

    refused = await browser.submit(asked, STEP_UP, step_up_password="a wrong one")
    assert refused.status == 400
    assert "That was not accepted." in refused.text
    assert "a wrong one" not in refused.source
    again = refused.read.forms[STEP_UP]
    assert again | {"step_up_return_to": ""} == asked.read.forms[STEP_UP]


async def test_the_browser_sends_the_form_again_with_new_cookies(
    browser: Browser, client: Client, asked: Page
) -> None:
    before = client.cookies["access_token"]

    page = await browser.submit(asked, STEP_UP, step_up_password=PASSWORD)

    [answer] = page.response.history
    assert (answer.status_code, answer.headers["location"]) == (307, ADD)
    assert client.cookies["access_token"] != before
    assert page.path == ADD
    assert 'value="My &#34;phone&#34;"' in page.source


async def test_a_form_with_a_password_is_not_repeated(
    browser: Browser, client: Client, clock: SettableClock
) -> None:
    await client.register(ADA)
    await client.log_in(ADA)
    await client.enrol(clock())
    clock.advance(timedelta(minutes=11))

    page = await browser.post("/account/password", {"new_password": "a better one than before"})

    assert page.path == f"{STEP_UP}?return_to=/account/password"
    assert "a better one" not in page.source


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        ("/account", True),
        ("/account?x=1", True),
        ("/admin/users/7/role", True),
        ("", False),
        ("/login", False),
        ("/api/users/me", False),
        ("/accounts", False),
        ("/account/step-up", False),
        ("/account/step-up?return_to=/", False),
        ("/account/../login", False),
        ("/account/%2E./login", False),
        ("/admin/audit?user=../x", True),
        ("//evil.example/account", False),
        ("https://evil.example/account", False),
        ("/account\r\nX: y", False),
        ("/account/" + "x" * 1000, False),
    ],
)
def test_a_form_is_sent_again_to_a_page_of_this_service_only(
    wanted: str, *, accepted: bool
) -> None:
    assert ReturnTargets().own_form(wanted) == (wanted if accepted else "")


async def test_a_forged_target_of_a_step_up_leads_to_the_account(
    browser: Browser, asked: Page
) -> None:
    page = await browser.submit(
        asked, STEP_UP, step_up_password=PASSWORD, step_up_to="https://evil.example/"
    )

    assert page.path == "/account"
