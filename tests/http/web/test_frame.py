"""The page at ``/``, and the pages for what is not there: unknown paths and methods."""

from dataclasses import replace

import pytest

from application.ports import UserRepository
from infrastructure.config.settings import Settings
from tests.http.client import EMAIL, Client, make_administrator
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
NOT_FOUND = {"status": "fail", "message": "There is nothing at this address", "code": "not_found"}


@pytest.fixture
def browser(client: Client) -> Browser:
    client.headers.update(BROWSER)
    return Browser(client)


def below_heading(page: Page) -> str:
    return page.source.partition("<h1>")[2]


async def test_the_start_page_knows_who_is_logged_in(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    await client.register(EMAIL)
    visitor = await browser.open("/")
    await browser.log_in(EMAIL, PASSWORD)
    user = await browser.open("/")
    await make_administrator(users, EMAIL)
    administrator = await browser.open("/")

    assert 'href="/login"' in below_heading(visitor)
    assert 'href="/account"' not in below_heading(visitor)
    assert "You are logged in as Ada Lovelace." in user.text
    assert 'href="/account"' in below_heading(user)
    assert 'href="/login"' not in below_heading(user)
    assert "/admin" not in user.source
    assert 'href="/admin' in below_heading(administrator)


class TestWhereRegistrationIsClosed:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, http=replace(settings.http, is_registration_open=False))

    async def test_the_start_page_does_not_lead_to_it(self, browser: Browser) -> None:
        assert "/register" not in (await browser.open("/")).source


@pytest.mark.parametrize("path", ["/login/nothing", "/account/x/y", "/admin/nothing", "/reset/x"])
async def test_a_browser_gets_a_page_for_an_unknown_path_below_those_of_pages(
    browser: Browser, path: str
) -> None:
    page = await browser.open(path)

    assert page.status == 404
    assert "There is no such page." in page.text
    assert page.response.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/logout", "/account/security/totp/remove"])
async def test_a_browser_gets_a_page_for_a_method_that_a_page_does_not_have(
    browser: Browser, path: str
) -> None:
    page = await browser.open(path)

    assert page.status == 405
    assert "This page cannot be used like that." in page.text
    assert "POST" in page.response.headers["allow"]


@pytest.mark.parametrize("path", ["/login/nothing", "/account/x/y", "/admin/nothing"])
async def test_a_program_gets_json_for_an_unknown_path_everywhere(
    client: Client, path: str
) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.json() == NOT_FOUND


@pytest.mark.parametrize("path", ["/api/nothing", "/nothing", "/health/x", "/docs/x/y"])
async def test_a_browser_gets_json_for_an_unknown_path_elsewhere(
    browser: Browser, path: str
) -> None:
    page = await browser.open(path)

    assert page.status == 404
    assert page.response.json() == NOT_FOUND


async def test_pages_use_passkeys_and_no_other_feature_of_a_device(browser: Browser) -> None:
    headers = (await browser.open("/login")).response.headers

    allowed = headers["permissions-policy"].split(", ")
    assert "publickey-credentials-get=(self)" in allowed
    assert "publickey-credentials-create=(self)" in allowed
    assert "camera=()" in allowed
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


class TestWithoutPagesForAdministrators:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pages=replace(settings.pages, which="account"))

    async def test_a_browser_gets_a_page_that_says_so(self, browser: Browser) -> None:
        page = await browser.open("/admin/users")

        assert page.status == 404
        assert "There is no such page." in page.text


class TestWithoutPages:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pages=replace(settings.pages, which="off"))

    @pytest.mark.parametrize("path", ["/login", "/account", "/admin"])
    async def test_there_is_nothing_where_pages_would_be(
        self, browser: Browser, path: str
    ) -> None:
        page = await browser.open(path)

        assert page.status == 404
        assert page.response.json() == NOT_FOUND
