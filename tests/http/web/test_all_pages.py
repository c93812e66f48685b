"""What holds for every page."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.problems import ANSWERS, FRAMEWORK
from api.web import translations
from api.web.route_options import OWN_PAGE, PAGE
from domain import errors
from domain.audit.event import EventType
from tests.http.client import Client
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD

ADA = "ada@example.org"
FOLDER = Path(translations.__file__).parent
EVERYBODY = ["/login", "/register", "/forgot"]
INLINE = re.compile(r"<style|style=|<script(?! src)|\son[a-z]+=|javascript:|data:")
USERS = [
    "/account",
    "/account/password",
    "/account/security",
    "/account/sessions",
    "/account/activity",
    "/account/step-up",
]
FORMS = [
    f"/account/security/{each}"
    for each in ("totp", "totp/confirm", "totp/remove", "recovery-codes", "passkeys")
]
"""Forms of users that have another address than their page."""


def pages_of(app: Litestar) -> dict[object, set[str]]:
    """The paths of pages by who may open them."""
    found: dict[object, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if access := handler.opt.get("page"):
                    found.setdefault(access, set()).add(route.path)
    return found


def test_every_page_is_tested_here(app: Litestar) -> None:
    found = pages_of(app)

    everybody = {*EVERYBODY, "/login/second-factor", "/logout", "/assets/{name:str}"}
    assert found[PAGE["page"]] == everybody
    assert found[OWN_PAGE["page"]] == {*USERS, *FORMS}


@pytest.mark.parametrize("path", [*USERS, *FORMS])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_visitor_who_is_not_logged_in_gets_no_page_of_users(
    client: Client, path: str, method: str
) -> None:
    headers = {"Origin": "http://localhost:8000"}
    answer = await client.request(method, path, headers=headers)

    assert answer.status_code in {303, 405}
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/login?return_to=/account")


@pytest.mark.parametrize("path", [*EVERYBODY, *USERS])
async def test_no_page_has_anything_inline_or_from_elsewhere(
    browser: Browser, client: Client, path: str
) -> None:
    await client.register(ADA)
    if path in USERS:
        await browser.log_in(ADA, PASSWORD)

    page = await browser.open(path)

    assert page.path == path
    assert INLINE.search(page.source) is None
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', page.source):
        assert address.startswith(("/", "#"))
        assert not address.startswith("//")
    headers = page.response.headers
    assert "script-src 'self'; style-src 'self'" in headers["content-security-policy"]
    assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", [*EVERYBODY, *USERS])
async def test_each_field_has_a_label_and_each_page_a_title_and_one_heading(
    browser: Browser, client: Client, path: str
) -> None:
    await client.register(ADA)
    if path in USERS:
        await browser.log_in(ADA, PASSWORD)

    source = (await browser.open(path)).source

    labels = set(re.findall(r'<label for="([^"]+)"', source))
    fields = set(re.findall(r'<(?:input|select) id="([^"]+)"', source))
    assert fields == labels
    assert source.count("<h1>") == 1
    assert len(re.findall("<title>.+</title>", source)) == 1
    described = re.findall(r'aria-describedby="([^"]+)"', source)
    for name in {each for ids in described for each in ids.split()}:
        assert f'id="{name}"' in source


async def test_the_files_of_pages_are_cached_for_ever_and_small(
    browser: Browser, client: Client
) -> None:
    page = await browser.open("/login")
    total = len(page.response.content)

    for address in re.findall(r'href="(/assets/[^"]+)"', page.source):
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        total += int(answer.headers["content-length"])

    assert total < 60_000
    assert (await client.get("/assets/pages.css")).status_code == 404
    assert (await client.get("/assets/..%2Fpage.py")).status_code == 404


def texts_by_language() -> dict[str, dict[str, Any]]:
    files = FOLDER.glob("translations/*.toml")
    return {path.stem: tomllib.loads(path.read_text()) for path in files}


def test_each_language_has_every_text() -> None:
    texts = texts_by_language()

    def keys(table: dict[str, Any], prefix: str = "") -> set[str]:
        found = set()
        for name, text in table.items():
            if isinstance(text, dict):
                found |= keys(text, f"{prefix}{name}.") if name != "problems" else set()
            else:
                found.add(f"{prefix}{name}: {sorted(re.findall('{[a-z]+}', text))}")
        return found

    assert keys(texts["de"]) == keys(texts["en"])


IN_NO_ACTIVITY = {
    EventType.AUTHENTICATE, EventType.READ_CREDENTIALS, EventType.USE_COOKIES,
    EventType.DELETE_USER, EventType.END_SESSIONS_OF_USERS, EventType.IMPORT_USERS,
    EventType.EXPORT_USERS, EventType.PRUNE_AUDIT_LOG, EventType.ROTATE_KEYS,
    EventType.REVOKE_KEY, EventType.PURGE_UNVERIFIED_USERS, EventType.RETRY_MAIL,
    EventType.DROP_MAIL, EventType.UNKNOWN,
}  # fmt: skip
"""They concern no user who is left, or are not kept."""
NO_ERROR_PAGES = {
    errors.NotLoggedIn, errors.TokenRejected, errors.RefreshTokenReused,
    errors.RefreshTokenMissing, errors.InvalidCredentials, errors.WrongPassword,
    errors.EmailTaken, errors.SecondFactorRequired, errors.SecondFactorInvalid,
    errors.PasskeyInvalid, errors.OneTimeTokenInvalid, errors.LastAdministrator,
    errors.LevelTooLow,
}  # fmt: skip
"""The form says them beside its fields, the browser goes elsewhere, or no page has that step."""


def test_each_event_of_an_account_and_each_error_has_a_text() -> None:
    shown = {
        "events": {each.replace(" ", "_") for each in set(EventType) - IN_NO_ACTIVITY},
        "errors": {
            *(answer.code for error, answer in ANSWERS.items() if error not in NO_ERROR_PAGES),
            *(answer.code for answer in FRAMEWORK.values()),
        },
    }

    for language, texts in texts_by_language().items():
        for part, names in shown.items():
            assert names - texts[part].keys() == set(), (language, part)
