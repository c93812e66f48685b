"""What holds for every page."""

import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from api.problems.answers import ANSWERS, FRAMEWORK
from api.web import translations
from api.web.route_options import OWN_PAGE
from domain import errors
from domain.audit.event import EventType
from tests.http.client import ORIGIN, Client
from tests.http.web.tour import Shot, Tour, a_tour, page_handlers
from tests.support.npm import npm_folder, run_node

pytestmark = pytest.mark.slow  # each language has a tour through all pages

FOLDER = Path(translations.__file__).parent
INLINE = re.compile(r"<style|style=|<script(?! type=\"module\" src)|\son[a-z]+=|javascript:|data:")
FILES = re.compile(r"""["'](/assets/[^"']+)["']""")
LARGEST = 60_000
"""In bytes: a page and its files, without compression."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tours() -> dict[str, Tour]:
    """A tour in each language. The pages of both have the same names."""
    found = {}
    for language in texts_by_language():
        async with a_tour(language) as found[language]:
            pass
    return found


@pytest.fixture
def shots(tours: dict[str, Tour]) -> list[Shot]:
    """All pages in English."""
    return list(tours["en"].shots.values())


def test_the_tour_shows_every_template_in_every_language(tours: dict[str, Tour]) -> None:
    folder = FOLDER / "templates"
    templates = {str(each.relative_to(folder).with_suffix("")) for each in folder.rglob("*.html")}
    frames = {each for each in templates if each.endswith("base") or each.startswith("_")}

    for tour in tours.values():
        assert tour.templates == templates - frames
        assert tour.shots.keys() == tours["en"].shots.keys()


def test_the_html_of_every_page_is_valid(tours: dict[str, Tour], tmp_path: Path) -> None:
    files = []
    for language, tour in tours.items():
        for name, shot in tour.shots.items():
            files.append(tmp_path / f"{name} ({language}).html")
            files[-1].write_text(shot.page.source)
    rules, found = npm_folder() / "html-validate.json", tmp_path / "found.txt"

    checked = run_node(
        "html-validate/bin/html-validate.mjs",
        "--config",
        rules,
        f"--formatter=text={found}",
        *sorted(files),
    )

    assert checked.returncode == 0, found.read_text().replace(f"{tmp_path}/", "")


async def test_a_visitor_who_is_not_logged_in_gets_no_page_of_users(
    client: Client, app: Litestar
) -> None:
    for route, handler in page_handlers(app):
        if handler.opt["page"] == OWN_PAGE["page"]:
            for method in handler.http_methods - {"OPTIONS"}:
                headers = {"Origin": ORIGIN}
                answer = await client.request(method, route.path, headers=headers)
                assert answer.status_code == 303
                assert answer.headers["location"].startswith("/login?return_to=/account")


def test_no_page_has_anything_inline_or_from_elsewhere(shots: list[Shot]) -> None:
    for shot in shots:
        source, headers = shot.page.source, shot.page.response.headers
        assert INLINE.search(source) is None, shot.name
        elsewhere = "https://acme.example/" if shot.name == "way to provider" else "/"
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', source):
            assert address.startswith(("/", "#", elsewhere)), shot.name
            assert not address.startswith("//"), shot.name
        assert "script-src 'self'; style-src 'self'" in headers["content-security-policy"]
        assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"


def test_each_page_has_one_heading_and_a_title_that_says_the_state(shots: list[Shot]) -> None:
    for shot in shots:
        source = shot.page.source
        assert source.count("<h1>") == 1, shot.name
        assert shot.page.title.startswith("Error: ") == ('class="errors"' in source), shot.name
        assert shot.page.title.endswith(" \N{EN DASH} Doorward"), shot.name


def test_the_navigation_marks_the_page_that_is_open(shots: list[Shot]) -> None:
    for shot in shots:
        for address, rest in re.findall(r'<li><a href="([^"]+)"([^>]*)>', shot.page.source):
            if "class" not in rest and address == shot.page.path:
                assert 'aria-current="page"' in rest, (shot.name, address)


def test_password_managers_recognise_every_form(shots: list[Shot]) -> None:
    tokens = {
        "password": {"current-password", "new-password"},
        "current_password": {"current-password"},
        "new_password": {"new-password"},
        "step_up_password": {"current-password"},
        "code": {"one-time-code"},
        "step_up_code": {"one-time-code"},
    }
    for shot in shots:
        for form in re.findall(r"<form.*?</form>", shot.page.source, re.DOTALL):
            fields = re.findall(r"<input[^>]*>", form)
            given = [" ".join(re.findall(r'autocomplete="([^"]*)"', each)) for each in fields]
            for field, token in zip(fields, given, strict=True):
                [name] = re.findall(r' name="([^"]*)"', field)
                assert token in tokens.get(name, {token}), (shot.name, field)
            if 'type="password"' in form and not shot.name.startswith("verify"):
                [username] = [
                    field
                    for field, token in zip(fields, given, strict=True)
                    if token.startswith("username")
                ]
                assert 'type="hidden"' not in username, shot.name  # browsers skip those


def test_what_describes_a_field_is_there(shots: list[Shot]) -> None:
    for shot in shots:
        source = shot.page.source
        described = re.findall(r'aria-describedby="([^"]+)"', source)
        for name in {each for ids in described for each in ids.split()}:
            assert f'id="{name}"' in source, shot.name


async def files_of(client: Client, page: str) -> dict[str, httpx.Response]:
    """Load the files that a page names, and those that these name in turn."""
    found: dict[str, httpx.Response] = {}
    texts = [page]
    while texts:
        for address in FILES.findall(texts.pop()):
            if address not in found:
                headers = {"Accept-Encoding": "identity"}
                found[address] = await client.get(address, headers=headers)
                texts.append(found[address].text)
    return found


async def test_a_page_is_small_with_all_its_files_which_are_cached_for_ever(
    shots: list[Shot], client: Client
) -> None:
    for shot in shots:
        files = (await files_of(client, shot.page.source)).values()
        for each in files:
            assert each.status_code == 200, each.url
            assert each.headers["cache-control"] == "public, max-age=31536000, immutable"
        total = sum(len(each.content) for each in (shot.page.response, *files))
        assert total < LARGEST, shot.name
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
    EventType.EXPORT_USERS, EventType.PRUNE_AUDIT_LOG, EventType.EXPORT_AUDIT_LOG,
    EventType.ROTATE_KEYS, EventType.REVOKE_KEY, EventType.PURGE_UNVERIFIED_USERS,
    EventType.RETRY_MAIL, EventType.DROP_MAIL, EventType.UNKNOWN,
}  # fmt: skip
"""They concern no user who is left, or are not kept."""
NO_ERROR_PAGES = {
    errors.NotLoggedIn, errors.TokenRejected, errors.RefreshTokenReused,
    errors.RefreshTokenMissing, errors.InvalidCredentials, errors.WrongPassword,
    errors.EmailTaken, errors.SecondFactorRequired, errors.SecondFactorInvalid,
    errors.PasskeyInvalid, errors.OneTimeTokenInvalid, errors.LastAdministrator,
    errors.LevelTooLow, errors.SocialFlowInvalid, errors.ProviderCancelled,
    errors.ProviderRefused, errors.ProviderUnavailable, errors.ProviderEmailUnverified,
    errors.LinkRequired, errors.IdentityTaken,
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
