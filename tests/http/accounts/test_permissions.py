"""Permissions: each route has a decision, taken on the current user."""

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

import httpx
import pytest
from dishka import Provider
from litestar import Litestar

from application.ports import UserRepository
from domain.permissions import PERMISSIONS, Permission, Role
from infrastructure.config.settings import Settings
from tests.http.client import (
    A_PASSKEY,
    A_SESSION,
    A_USER,
    ADMIN_EMAIL,
    AN_IDENTITY,
    AUDIT,
    CHECK_RESET,
    CONFIRM_TOTP,
    EMAIL,
    FORGOT,
    LOGIN,
    LOGOUT,
    ME,
    MY_ACTIVITY,
    MY_CODES,
    MY_EMAIL,
    MY_EXPORT,
    MY_FACTORS,
    MY_IDENTITIES,
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    MY_PASSWORD,
    MY_TOTP,
    ORIGIN,
    PASSKEY_LOGIN,
    PASSKEY_OPTIONS,
    PROOF,
    REFRESH,
    REGISTER,
    REQUEST_PROOF,
    RESET,
    SECOND_FACTOR,
    SESSIONS,
    SOCIAL,
    SOCIAL_CALLBACK,
    SOCIAL_START,
    SOCIAL_TOKEN,
    STEP_UP,
    STEP_UP_SOCIAL,
    THEIR_FACTORS,
    THEIR_IDENTITIES,
    THEIR_IDENTITY,
    THEIR_PASSKEY,
    THEIR_PASSKEYS,
    THEIR_RESET,
    THEIR_SESSION,
    THEIR_SESSIONS,
    UNDO_EMAIL,
    UNKNOWN_USER,
    USERS,
    VERIFY,
    Client,
    a_client,
    an_administrator,
    bearer,
    make_administrator,
    routes,
    stored_user,
)
from tests.http.conftest import STACKS, each_stack
from tests.http.replacements import Builder
from tests.http.web.admin.test_access import DECISIONS as PAGES_OF_ADMINISTRATORS

pytestmark = pytest.mark.slow  # each role at each route

PUBLIC: Final = "public"
LOGGED_IN: Final = "logged in"
Decision: TypeAlias = Literal["public", "logged in"] | Permission

DECISIONS: dict[tuple[str, str], Decision] = {
    ("GET", "/.well-known/jwks.json"): PUBLIC,
    ("GET", "/.well-known/change-password"): PUBLIC,
    ("GET", "/api/healthchecker"): PUBLIC,
    ("GET", "/health/live"): PUBLIC,
    ("GET", "/health/ready"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs/start.js"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("POST", REGISTER): PUBLIC,
    ("POST", LOGIN): PUBLIC,
    ("GET", REFRESH): PUBLIC,
    ("POST", REFRESH): PUBLIC,
    ("GET", LOGOUT): PUBLIC,
    ("POST", LOGOUT): PUBLIC,
    ("POST", FORGOT): PUBLIC,
    ("POST", RESET): PUBLIC,
    ("POST", CHECK_RESET): PUBLIC,
    ("POST", REQUEST_PROOF): PUBLIC,
    ("POST", PROOF): PUBLIC,
    ("POST", UNDO_EMAIL): PUBLIC,
    ("POST", SECOND_FACTOR): PUBLIC,
    ("POST", STEP_UP): LOGGED_IN,
    ("GET", MY_FACTORS): LOGGED_IN,
    ("POST", MY_TOTP): LOGGED_IN,
    ("DELETE", MY_TOTP): LOGGED_IN,
    ("POST", CONFIRM_TOTP): LOGGED_IN,
    ("POST", MY_CODES): LOGGED_IN,
    ("POST", PASSKEY_OPTIONS): PUBLIC,
    ("POST", PASSKEY_LOGIN): PUBLIC,
    ("GET", SOCIAL): PUBLIC,
    ("GET", SOCIAL_START): PUBLIC,
    ("GET", SOCIAL_CALLBACK): PUBLIC,
    ("POST", SOCIAL_CALLBACK): PUBLIC,
    ("POST", SOCIAL_TOKEN): PUBLIC,
    ("POST", STEP_UP_SOCIAL): LOGGED_IN,
    ("GET", MY_IDENTITIES): LOGGED_IN,
    ("POST", MY_IDENTITIES): LOGGED_IN,
    ("POST", AN_IDENTITY): LOGGED_IN,
    ("DELETE", AN_IDENTITY): LOGGED_IN,
    ("POST", MY_PASSKEY_OPTIONS): LOGGED_IN,
    ("POST", MY_PASSKEYS): LOGGED_IN,
    ("GET", MY_PASSKEYS): LOGGED_IN,
    ("PATCH", A_PASSKEY): LOGGED_IN,
    ("DELETE", A_PASSKEY): LOGGED_IN,
    ("GET", VERIFY): LOGGED_IN,
    ("POST", VERIFY): LOGGED_IN,
    ("PUT", VERIFY): LOGGED_IN,
    ("PATCH", VERIFY): LOGGED_IN,
    ("DELETE", VERIFY): LOGGED_IN,
    ("GET", f"{VERIFY}/{{path:path}}"): LOGGED_IN,
    ("POST", f"{VERIFY}/{{path:path}}"): LOGGED_IN,
    ("PUT", f"{VERIFY}/{{path:path}}"): LOGGED_IN,
    ("PATCH", f"{VERIFY}/{{path:path}}"): LOGGED_IN,
    ("DELETE", f"{VERIFY}/{{path:path}}"): LOGGED_IN,
    **{
        (method, f"{VERIFY}-level-2{path}"): LOGGED_IN
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for path in ("", "/{path:path}")
    },
    ("GET", ME): LOGGED_IN,
    ("PATCH", ME): LOGGED_IN,
    ("DELETE", ME): LOGGED_IN,
    ("GET", MY_EXPORT): LOGGED_IN,
    ("GET", MY_ACTIVITY): LOGGED_IN,
    ("POST", MY_PASSWORD): LOGGED_IN,
    ("POST", MY_EMAIL): LOGGED_IN,
    ("GET", SESSIONS): LOGGED_IN,
    ("DELETE", SESSIONS): LOGGED_IN,
    ("DELETE", A_SESSION): LOGGED_IN,
    ("GET", USERS): Permission.READ_USERS,
    ("POST", USERS): Permission.CHANGE_USERS,
    ("GET", A_USER): Permission.READ_USERS,
    ("PATCH", A_USER): Permission.CHANGE_USERS,
    ("DELETE", A_USER): Permission.DELETE_USERS,
    ("GET", THEIR_SESSIONS): Permission.READ_USERS,
    ("DELETE", THEIR_SESSIONS): Permission.END_SESSIONS,
    ("DELETE", THEIR_SESSION): Permission.END_SESSIONS,
    ("POST", THEIR_RESET): Permission.CHANGE_USERS,
    ("DELETE", THEIR_FACTORS): Permission.CHANGE_USERS,
    ("GET", THEIR_PASSKEYS): Permission.READ_USERS,
    ("DELETE", THEIR_PASSKEY): Permission.CHANGE_USERS,
    ("GET", THEIR_IDENTITIES): Permission.READ_USERS,
    ("DELETE", THEIR_IDENTITY): Permission.CHANGE_USERS,
    ("GET", AUDIT): Permission.READ_AUDIT,
}
"""There is no default: a new route needs a line here."""

GUARDED = {
    route: decision for route, decision in DECISIONS.items() if isinstance(decision, Permission)
}

each_real_stack = pytest.mark.parametrize(
    "settings", sorted(STACKS.keys() - {"memory"}), indirect=True
)
each_guarded = pytest.mark.parametrize(
    ("method", "path"), GUARDED, ids=[" ".join(route) for route in GUARDED]
)


def decision_of(handler: Any) -> Decision:
    """Return the decision of the application itself."""
    permission = handler.opt.get("permission")
    if handler.opt.get("is_public"):
        assert permission is None
        return PUBLIC
    if permission is None:
        return LOGGED_IN
    assert isinstance(permission, Permission)
    return permission


def test_every_route_has_the_decision_of_the_table(app: Litestar) -> None:
    assert {
        (method, path): decision_of(handler) for method, path, handler in routes(app)
    } == DECISIONS


def test_every_permission_is_asked_for_somewhere() -> None:
    of_pages = set(PAGES_OF_ADMINISTRATORS.values())
    assert {*GUARDED.values(), *of_pages} == set(Permission)


def test_an_auditor_reads_everything_and_an_administrator_may_do_everything() -> None:
    assert {role: set(permissions) for role, permissions in PERMISSIONS.items()} == {
        Role.USER: set(),
        Role.AUDITOR: {each for each in Permission if each.endswith(":read")},
        Role.ADMIN: set(Permission),
    }


async def call(
    client: Client, method: str, path: str, token: str | None = None, user_id: str = UNKNOWN_USER
) -> httpx.Response:
    """A call with nothing wrong in it; about this user, if it is about one."""
    headers = {} if token is None else bearer(token)
    bodies = {("PATCH", A_USER): {}, ("POST", USERS): {"name": "Eve", "email": "eve@example.org"}}
    body = bodies.get((method, path))
    return await client.request(
        method, path.replace(UNKNOWN_USER, user_id), headers=headers, json=body
    )


@each_guarded
async def test_it_needs_a_login(client: Client, method: str, path: str) -> None:
    answer = await call(client, method, path)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_logged_in")


@each_guarded
async def test_an_ordinary_user_gets_403_for_administration(
    client: Client, users: UserRepository, method: str, path: str
) -> None:
    token = (await client.obtain_tokens())["access_token"]
    before = await stored_user(users)

    # Neither of an unknown user nor of the caller: the answer does not reveal which users exist.
    for user_id in (UNKNOWN_USER, str(before.id)):
        answer = await call(client, method, path, token, user_id)
        assert answer.status_code == 403
        assert answer.json() == {
            "status": "fail",
            "message": "You do not have the permission to do that",
            "code": "permission_missing",
        }
    assert await stored_user(users) == before
    assert (await client.me(token)).status_code == 200


@each_guarded
async def test_a_refusal_comes_before_any_question(client: Client, method: str, path: str) -> None:
    token = (await client.obtain_tokens())["access_token"]
    headers = bearer(token) | {"Content-Type": "text/plain"}
    bad = {"limit": "0", "role": "king", "user": "x", "after": "x", "reason": ""}

    answer = await client.request(method, path, params=bad, headers=headers, content=b"{")

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


@each_guarded
async def test_it_is_for_an_administrator(
    client: Client, users: UserRepository, method: str, path: str
) -> None:
    await client.register()
    await client.register(ADMIN_EMAIL)
    await make_administrator(users)
    token = await client.stepped_up((await client.obtain_tokens(ADMIN_EMAIL))["access_token"])

    answer = await call(client, method, path, token, str((await stored_user(users)).id))

    is_missing = path in {THEIR_PASSKEY, THEIR_SESSION, THEIR_IDENTITY}
    assert answer.status_code == 404 if is_missing else answer.is_success


@each_guarded
async def test_another_sites_page_cannot_use_an_administrators_cookies(
    client: Client, users: UserRepository, method: str, path: str
) -> None:
    await client.register()
    await client.sign_up(ADMIN_EMAIL)
    await make_administrator(users)
    before = await stored_user(users)
    client.headers["Sec-Fetch-Site"] = "cross-site"

    answer = await call(client, method, path, user_id=str(before.id))

    # What only reads may be sent, for no page of another origin can read the answer (CORS).
    assert answer.status_code == (200 if method == "GET" else 403)
    assert "access-control-allow-origin" not in answer.headers
    assert await stored_user(users) == before


async def test_a_refusal_leaves_a_line_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await client.obtain_tokens())["access_token"]
    caplog.set_level(logging.INFO, "doorward.audit")
    caplog.clear()

    await call(client, "GET", USERS, token)

    [message] = [each.getMessage() for each in caplog.records if each.name == "doorward.audit"]
    assert "use permission" in message
    assert "users:read" in message
    assert "permission_missing" in message


class TestAsOfNow:
    @pytest.fixture
    async def token(self, client: Client, users: UserRepository) -> str:
        """The cached token of an administrator who is not the only one."""
        for email in (EMAIL, ADMIN_EMAIL):
            await client.register(email)
            await make_administrator(users, email)
        token = await client.stepped_up((await client.obtain_tokens())["access_token"])
        for _ in range(3):
            assert (await client.me(token)).status_code == 200
            assert (await client.get(USERS, headers=bearer(token))).status_code == 200
        return token

    @each_stack
    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"role": "user"}, 403, "permission_missing"),
            ({"disabled": True}, 401, "invalid_token"),
            (None, 401, "invalid_token"),
        ],
        ids=["deposed", "disabled", "deleted"],
    )
    async def test_a_change_by_another_administrator_takes_effect_with_the_next_request(
        self,
        client: Client,
        users: UserRepository,
        token: str,
        change: dict[str, object] | None,
        status: int,
        code: str,
    ) -> None:
        token_of_admin = (await client.obtain_tokens(ADMIN_EMAIL))["access_token"]
        admin = bearer(await client.stepped_up(token_of_admin))
        path = f"{USERS}/{(await stored_user(users)).id}"

        if change is None:
            done = await client.delete(path, headers=admin)
        else:
            done = await client.patch(path, json=change, headers=admin)

        assert done.status_code == 200
        for method, guarded in GUARDED:
            answer = await call(client, method, guarded, token)
            assert (answer.status_code, answer.json()["code"]) == (status, code)

    @each_stack
    async def test_an_administrator_can_demote_themselves(
        self, client: Client, users: UserRepository, token: str
    ) -> None:
        path = f"{USERS}/{(await stored_user(users)).id}"
        mine = bearer(token)

        assert (await client.patch(path, json={"role": "user"}, headers=mine)).status_code == 200

        again = await client.patch(path, json={"role": "admin"}, headers=mine)
        assert (again.status_code, again.json()["code"]) == (403, "permission_missing")
        assert (await client.me(token)).status_code == 200

    @each_stack
    async def test_a_new_administrator_has_the_permissions_with_the_next_request(
        self, client: Client, users: UserRepository
    ) -> None:
        admin = await an_administrator(client, users)
        token = (await client.obtain_tokens())["access_token"]
        for _ in range(2):
            assert (await call(client, "GET", USERS, token)).status_code == 403
        path = f"{USERS}/{(await stored_user(users)).id}"

        assert (await client.patch(path, json={"role": "admin"}, headers=admin)).status_code == 200

        assert (await call(client, "GET", USERS, token)).status_code == 200

    @pytest.fixture
    async def elsewhere(
        self, settings: Settings, replacements: Sequence[Provider], other_builder: Builder
    ) -> AsyncIterator[Client]:
        """A client of another worker on the same stores."""
        async with other_builder.container(settings, replacements) as container:
            with other_builder.shared_routes():
                app = await container.get(Litestar)
            async with a_client(app, ORIGIN) as client:
                yield client

    @each_real_stack
    @pytest.mark.parametrize(
        ("changes", "status"), [({"role": Role.USER}, 403), ({"disabled": True}, 401)], ids=str
    )
    async def test_a_change_of_the_role_counts_on_another_worker(
        self,
        elsewhere: Client,
        users: UserRepository,
        token: str,
        changes: dict[str, Any],
        status: int,
    ) -> None:
        for _ in range(3):
            assert (await call(elsewhere, "GET", USERS, token)).status_code == 200
        user = await stored_user(users)

        assert (await users.replace(user, replace(user, **changes))).changed

        assert (await call(elsewhere, "GET", USERS, token)).status_code == status
