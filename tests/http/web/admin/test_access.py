"""The pages for administrators: each has a permission, asked on the current user."""

from dataclasses import replace

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.web.admin.sections import SECTIONS
from api.web.route_options import ADMIN
from application.ports import UserRepository
from domain.permissions import Permission, Role
from infrastructure.config.settings import Settings
from tests.http.client import NO_PASSKEY, NO_SESSION, ORIGIN, UNKNOWN_USER, Client, stored_user
from tests.http.web.admin.helpers import ADA, log_in_as
from tests.http.web.browser import Browser
from tests.support.builders import PASSWORD

pytestmark = pytest.mark.slow  # each role at each page

ACTIONS = {
    "/role": Permission.CHANGE_USERS,
    "/disable": Permission.CHANGE_USERS,
    "/enable": Permission.CHANGE_USERS,
    "/password-reset": Permission.CHANGE_USERS,
    "/invitation": Permission.CHANGE_USERS,
    "/second-factors": Permission.CHANGE_USERS,
    "/passkeys/{passkey_id:str}": Permission.CHANGE_USERS,
    "/identities/{identity_id:str}": Permission.CHANGE_USERS,
    "/sessions/{session_id:str}": Permission.END_SESSIONS,
    "/end-sessions": Permission.END_SESSIONS,
    "/delete": Permission.DELETE_USERS,
}
DECISIONS: dict[tuple[str, str], Permission] = {
    ("GET", "/admin"): Permission.READ_FIGURES,
    ("GET", "/admin/audit"): Permission.READ_AUDIT,
    ("GET", "/admin/audit/{number:int}"): Permission.READ_AUDIT,
    ("GET", "/admin/audit.csv"): Permission.READ_AUDIT,
    ("GET", "/admin/audit.jsonl"): Permission.READ_AUDIT,
    ("GET", "/admin/mail"): Permission.READ_MAIL,
    ("GET", "/admin/settings"): Permission.READ_SETTINGS,
    ("GET", "/admin/mail/retry"): Permission.CHANGE_MAIL,
    ("POST", "/admin/mail/retry"): Permission.CHANGE_MAIL,
    ("GET", "/admin/mail/{message_id:str}/retry"): Permission.CHANGE_MAIL,
    ("POST", "/admin/mail/{message_id:str}/retry"): Permission.CHANGE_MAIL,
    ("GET", "/admin/mail/{message_id:str}/drop"): Permission.CHANGE_MAIL,
    ("POST", "/admin/mail/{message_id:str}/drop"): Permission.CHANGE_MAIL,
    ("GET", "/admin/keys"): Permission.READ_KEYS,
    ("GET", "/admin/keys/rotate"): Permission.CHANGE_KEYS,
    ("POST", "/admin/keys/rotate"): Permission.CHANGE_KEYS,
    ("GET", "/admin/keys/{key_id:str}/revoke"): Permission.CHANGE_KEYS,
    ("POST", "/admin/keys/{key_id:str}/revoke"): Permission.CHANGE_KEYS,
    ("GET", "/admin/users"): Permission.READ_USERS,
    ("GET", "/admin/users/new"): Permission.CHANGE_USERS,
    ("POST", "/admin/users/new"): Permission.CHANGE_USERS,
    ("GET", "/admin/users/{user_id:uuid}"): Permission.READ_USERS,
    **{
        (method, f"/admin/users/{{user_id:uuid}}{below}"): permission
        for method in ("GET", "POST")
        for below, permission in ACTIONS.items()
    },
}
"""There is no default: a new page needs a line here."""

each_page = pytest.mark.parametrize(("method", "path"), DECISIONS, ids=" ".join)
each_reading = pytest.mark.parametrize(
    "path",
    [path for (_, path), permission in DECISIONS.items() if Role.AUDITOR.may(permission)],
)
each_change = pytest.mark.parametrize(
    ("method", "path"),
    [page for page, permission in DECISIONS.items() if not Role.AUDITOR.may(permission)],
    ids=" ".join,
)


def path_of(template: str, user_id: str = UNKNOWN_USER) -> str:
    """Return the path of a page; of those about one user, that about this one."""
    values = {
        "{user_id:uuid}": user_id,
        "{number:int}": "1",
        "{session_id:str}": NO_SESSION,
        "{passkey_id:str}": NO_PASSKEY,
        "{identity_id:str}": "0" * 32,
        "{key_id:str}": "a",
        "{message_id:str}": "a",
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template


def test_every_page_has_the_permission_of_the_table(app: Litestar) -> None:
    found = {
        (method, route.path): handler.opt["permission"]
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.opt.get("page") == ADMIN
        for method in handler.http_methods - {"OPTIONS"}
    }

    assert found == DECISIONS
    assert {each.path for each in SECTIONS} <= {path for _, path in DECISIONS}


@each_page
async def test_a_visitor_who_is_not_logged_in_is_sent_to_the_login(
    client: Client, method: str, path: str
) -> None:
    answer = await client.request(method, path_of(path), headers={"Origin": ORIGIN})

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?return_to=/")


@each_page
async def test_a_user_without_the_permission_gets_a_page_that_says_so(
    browser: Browser, client: Client, users: UserRepository, method: str, path: str
) -> None:
    await log_in_as(browser, client, users, Role.USER)

    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    answer = await client.request(method, path_of(path), headers=headers)

    assert answer.status_code == 403
    assert "You do not have permission to do that." in answer.text


@each_reading
async def test_an_auditor_reads_every_page(
    browser: Browser, client: Client, users: UserRepository, path: str
) -> None:
    user = await log_in_as(browser, client, users, Role.AUDITOR)
    opened = path_of(path, str(user.id))

    page = await browser.open(opened)

    assert (page.status, page.path) == (200, opened)


@each_change
async def test_an_auditor_opens_no_page_that_changes_anything(
    browser: Browser, client: Client, users: UserRepository, method: str, path: str
) -> None:
    user = await log_in_as(browser, client, users, Role.AUDITOR)

    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    answer = await client.request(method, path_of(path, str(user.id)), headers=headers)

    assert answer.status_code == 403


async def test_a_change_of_the_role_counts_for_the_next_page(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    await log_in_as(browser, client, users, Role.AUDITOR)
    user = await stored_user(users, ADA)
    assert (await users.replace(user, replace(user, role=Role.USER))).changed

    assert (await browser.open("/admin/keys")).status == 403


async def test_only_those_who_may_open_the_pages_have_a_link_to_them(
    browser: Browser, client: Client, users: UserRepository
) -> None:
    await client.register(ADA)
    ordinary = await browser.log_in(ADA, PASSWORD)
    user = await stored_user(users, ADA)
    assert (await users.replace(user, replace(user, role=Role.AUDITOR))).changed
    auditor = await browser.open("/account")

    assert not any("/admin" in link for link in ordinary.read.links)
    assert SECTIONS[0].path in auditor.read.links


class TestWithPagesOfAccountsAlone:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, pages=replace(settings.pages, which="account"))

    async def test_there_is_neither_a_page_for_administrators_nor_a_link(
        self, browser: Browser, client: Client, users: UserRepository
    ) -> None:
        await log_in_as(browser, client, users, Role.ADMIN)

        assert (await client.get("/admin/keys")).status_code == 404
        account = await browser.open("/account")
        assert not any("/admin" in link for link in account.read.links)
