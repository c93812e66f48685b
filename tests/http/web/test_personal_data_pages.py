"""A new address, the export of one's data and the deletion of the account, by pages."""

import json
from datetime import timedelta

import pytest
from dishka import AsyncContainer

from application.ports import UserRepository
from tests.http.client import ME, Client, make_administrator
from tests.http.conftest import ReadMail
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

ADA, NEW = "ada@example.org", "new@example.org"
EMAIL, EXPORT, DELETE = "/account/email", "/account/export", "/account/delete"
STEP_UP = "/account/step-up"


@pytest.fixture
async def account(browser: Browser, client: Client) -> Page:
    await client.register(ADA)
    return await browser.log_in(ADA, PASSWORD)


@pytest.fixture
async def with_factor(client: Client, account: Page, clock: SettableClock) -> None:
    """Give Ada an authenticator app; the step-up for it is over."""
    assert account.path == "/account"
    await client.enrol(clock())
    clock.advance(timedelta(minutes=11))


async def test_links_to_a_new_address_are_sent_after_the_password(
    browser: Browser, account: Page, read_mail: ReadMail
) -> None:
    assert EMAIL in account.read.links
    await read_mail()
    page = await browser.open(EMAIL)
    for typed, problem in (
        ({"email": "new"}, "New email address must be an email address"),
        ({"email": NEW, "password": "a wrong one"}, "Password is wrong"),
    ):
        refused = await browser.submit(page, EMAIL, **{"password": PASSWORD} | typed)
        assert refused.status == 400
        assert problem.removeprefix("New ").capitalize() in refused.text
        assert f'value="{typed["email"]}"' in refused.source

    page = await browser.submit(page, EMAIL, email=NEW, password=PASSWORD)

    assert page.status == 200
    assert f"We have sent a mail to {NEW}." in page.text
    assert "/account" in page.read.links
    assert {each.to for each in await read_mail()} == {ADA, NEW}


@pytest.mark.usefixtures("with_factor")
@pytest.mark.parametrize("path", [EMAIL, DELETE, "/account/password"])
async def test_users_with_a_second_factor_step_up_before_they_see_the_form(
    browser: Browser, path: str
) -> None:
    page = await browser.open(path)

    assert page.path == f"{STEP_UP}?return_to={path}"
    assert "step_up_code" in page.read.forms[STEP_UP]


@pytest.mark.usefixtures("account")
async def test_the_data_is_downloaded_after_a_step_up(browser: Browser) -> None:
    page = await browser.open(EXPORT)
    assert page.path == f"{STEP_UP}?return_to={EXPORT}"
    page = await browser.submit(page, STEP_UP, step_up_password=PASSWORD)
    assert page.path == EXPORT

    file = await browser.submit(page, EXPORT)

    assert file.response.headers["content-disposition"] == 'attachment; filename="account.json"'
    exported = json.loads(file.source)
    assert exported["user"]["email"] == ADA
    assert exported["events"]
    assert "\n" in file.source


@pytest.mark.usefixtures("account")
async def test_an_account_is_deleted_after_the_password(browser: Browser, client: Client) -> None:
    page = await browser.open(DELETE)
    assert "It cannot be undone." in page.text
    refused = await browser.submit(page, DELETE, password="a wrong one")
    assert (refused.status, "Password is wrong" in refused.text) == (400, True)
    cookies = client.login_cookies

    page = await browser.submit(page, DELETE, password=PASSWORD)

    assert page.path == "/login/goodbye"
    assert "Your account is deleted" in page.text
    [answer] = page.response.history
    assert answer.headers["clear-site-data"] == '"cache"'
    assert not client.login_cookies
    client.cookies.update(cookies)
    assert (await client.get(ME)).status_code == 401
    client.cookies.clear()
    assert (await browser.log_in(ADA, PASSWORD)).status == 400


@pytest.mark.usefixtures("account")
async def test_a_deletion_without_the_password_asks_for_a_step_up(browser: Browser) -> None:
    page = await browser.post(DELETE, {"sent": "1"})
    assert "Confirm that it is you" in page.text

    page = await browser.submit(page, STEP_UP, step_up_password=PASSWORD)

    assert page.path == "/login/goodbye"


async def test_the_last_administrator_stays(
    browser: Browser, account: Page, container: AsyncContainer
) -> None:
    assert account.path == "/account"
    await make_administrator(await container.get(UserRepository), ADA)

    page = await browser.submit(await browser.open(DELETE), DELETE, password=PASSWORD)

    assert page.status == 400
    assert "You are the last administrator." in page.text
