"""The pages below a path of a host, behind a proxy that strips it or does not."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from litestar import Litestar
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

import api.web
from infrastructure.config.settings import Settings
from tests.http.client import EMAIL, NEW_USER, REGISTER, Client, a_client
from tests.http.web.browser import Browser, Page
from tests.support.builders import PASSWORD

FOLDER = Path(api.web.__file__).parent
HOST = "https://example.org"
PREFIX = "/auth"


def proxy(app: Litestar, *, strips: bool) -> ASGIApp:
    """Pass on what is below the prefix; the rest of the host is another application's."""

    async def passed_on(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if not path.startswith(f"{PREFIX}/"):
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        inner = path.removeprefix(PREFIX) if strips else path
        await app(cast(HTTPScope, {**scope, "path": inner}), receive, send)

    return passed_on


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=replace(settings.http, public_url=HOST + PREFIX))


@pytest.fixture(params=[True, False], ids=["stripped", "kept"])
async def browser(request: pytest.FixtureRequest, app: Litestar) -> AsyncIterator[Browser]:
    behind = cast(Litestar, proxy(app, strips=request.param))
    async with a_client(behind, HOST) as client:
        client.headers["Accept"] = "text/html"
        yield Browser(client, origin=HOST)


def check(page: Page, path: str) -> None:
    """Check that the page is there, and that everything in it leads below the prefix."""
    assert page.status == 200
    assert page.path == PREFIX + path
    for answer in page.response.history:
        assert answer.headers["location"].startswith(f"{PREFIX}/")
    for address in re.findall(r'(?:href|src|action)="([^"]*)"', page.source):
        assert address.startswith(("#", f"{PREFIX}/")), address


def _password_field(page: Page) -> str:
    [name] = re.findall(r'<input[^>]* name="([^"]+)" type="password"', page.source)
    return str(name)


@pytest.mark.parametrize("origin_policy", [HOST], indirect=True)
async def test_a_person_logs_in_and_out_below_a_path(browser: Browser) -> None:
    client: Client = browser.client
    await client.post(PREFIX + REGISTER, json=NEW_USER)

    wanted = await browser.open(f"{PREFIX}/account/sessions")
    check(wanted, "/login?return_to=/account/sessions")
    typed = {"email": EMAIL, "password": PASSWORD}
    sessions = await browser.submit(wanted, f"{PREFIX}/login", **typed)
    check(sessions, "/account/sessions")
    for path in ("/account", "/account/security", "/"):
        check(await browser.open(PREFIX + path), path)
    files = re.findall(rf'"({PREFIX}/assets/[^"]+)"', sessions.source)
    assert len(files) > 1
    for address in files:
        assert (await client.get(address)).status_code == 200
    assert {cookie.path for cookie in client.cookies.jar} == {"/"}
    assert sum(cookie.name.startswith("__Host-") for cookie in client.cookies.jar) == 3

    security = await browser.open(f"{PREFIX}/account/security")
    asked = await browser.submit(security, f"{PREFIX}/account/security/totp")
    proved = await browser.submit(
        asked, f"{PREFIX}/account/step-up", **{_password_field(asked): PASSWORD}
    )
    check(proved, "/account/security/totp")
    left = await browser.submit(sessions, f"{PREFIX}/logout")
    check(left, "/login?done=logged_out")
    assert client.login_cookies == {}
    check(await browser.open(f"{PREFIX}/account"), "/login?return_to=/account")


@pytest.mark.parametrize("origin_policy", [HOST], indirect=True)
async def test_an_unknown_page_below_a_path_leads_back_below_it(browser: Browser) -> None:
    page = await browser.open(f"{PREFIX}/account/nothing")

    assert page.status == 404
    assert f'href="{PREFIX}/login"' in page.source


def test_no_template_and_no_script_has_a_path_without_the_prefix() -> None:
    for file in (FOLDER / "templates").rglob("*.html"):
        for address in re.findall(r'(?:href|src|action)="([^"]*)', file.read_text()):
            assert address.startswith(("{{ url(", "{{ asset(", "#", "{{ address }}")), file.name
    for file in (FOLDER / "static").glob("*.js"):
        assert re.findall(r"""["'`]/\w""", file.read_text()) == [], file.name
