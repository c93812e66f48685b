"""Each route that changes something has a decision about step-ups. There is no default."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from api.app import is_changed_by_get
from application.ports import UserRepository
from domain.session import STEP_UP_LIFETIME
from tests.http.client import (
    A_PASSKEY,
    A_SESSION,
    A_USER,
    ADMIN_EMAIL,
    AN_IDENTITY,
    CHECK_RESET,
    CONFIRM_TOTP,
    EMAIL,
    FORGOT,
    LOGIN,
    LOGOUT,
    ME,
    MY_CODES,
    MY_EMAIL,
    MY_EXPORT,
    MY_IDENTITIES,
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    MY_PASSWORD,
    MY_TOTP,
    NEW_PASSWORD,
    PASSKEY_LOGIN,
    PASSKEY_OPTIONS,
    PROOF,
    REFRESH,
    REGISTER,
    REQUEST_PROOF,
    RESET,
    SECOND_FACTOR,
    SESSIONS,
    SOCIAL_CALLBACK,
    SOCIAL_START,
    SOCIAL_TOKEN,
    STEP_UP,
    STEP_UP_SOCIAL,
    THEIR_FACTORS,
    THEIR_IDENTITY,
    THEIR_PASSKEY,
    THEIR_RESET,
    THEIR_SESSION,
    THEIR_SESSIONS,
    UNDO_EMAIL,
    UNKNOWN_USER,
    USERS,
    VERIFY,
    Client,
    bearer,
    make_administrator,
    routes,
    stored_user,
)
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock

Route = tuple[str, str]
Json = dict[str, Any]

A_CREDENTIAL = Authenticator().create({"challenge": "unknown", "user": {"id": ""}})

SENSITIVE: dict[Route, Json] = {
    ("GET", MY_EXPORT): {},
    ("POST", USERS): {"name": "Bob", "email": "bob@example.org"},
    ("PATCH", A_USER): {"role": "admin"},
    ("DELETE", A_USER): {},
    ("DELETE", THEIR_SESSIONS): {},
    ("DELETE", THEIR_SESSION): {},
    ("DELETE", THEIR_FACTORS): {},
    ("POST", THEIR_RESET): {},
    ("POST", MY_TOTP): {},
    ("DELETE", MY_TOTP): {},
    ("POST", MY_CODES): {},
    ("POST", MY_PASSKEY_OPTIONS): {},
    ("POST", MY_PASSKEYS): {"credential": A_CREDENTIAL},
    ("DELETE", A_PASSKEY): {},
    ("DELETE", THEIR_PASSKEY): {},
    ("POST", MY_IDENTITIES): {"code": "unknown", "code_verifier": "unknown"},
    ("POST", AN_IDENTITY): {"return_to": "/account"},
    ("DELETE", AN_IDENTITY): {},
    ("DELETE", THEIR_IDENTITY): {},
}
"""Routes that need a step-up, with a body that they accept."""

WITH_PASSWORD: dict[Route, tuple[Json, str]] = {
    ("POST", MY_PASSWORD): ({"new_password": NEW_PASSWORD}, "current_password"),
    ("POST", MY_EMAIL): ({"email": "new@example.org"}, "password"),
    ("DELETE", ME): ({}, "password"),
}
"""Routes that need one, too, and take the password as a step-up for one call; with a body, and the
member of the password."""

_VERIFIES = "it changes nothing: gateways pass on the method of another request"
_BY_MAIL = "a token from the mailbox is the proof"

WITHOUT: dict[Route, str] = {
    ("POST", STEP_UP): "it is one",
    ("POST", STEP_UP_SOCIAL): "likewise",
    ("GET", SOCIAL_START): "no session acts",
    ("GET", SOCIAL_CALLBACK): "the session that has begun the flow was stepped up, or will be now",
    ("POST", SOCIAL_CALLBACK): "it only redirects",
    ("POST", SOCIAL_TOKEN): "no session acts",
    ("POST", REGISTER): "no session acts",
    ("POST", LOGIN): "no session acts",
    ("POST", SECOND_FACTOR): "no session acts",
    ("POST", PASSKEY_OPTIONS): "no session acts",
    ("POST", PASSKEY_LOGIN): "no session acts",
    ("PATCH", A_PASSKEY): "a name gives access to nothing",
    ("POST", FORGOT): "no session acts",
    ("POST", REQUEST_PROOF): "no session acts",
    ("POST", RESET): _BY_MAIL,
    ("POST", CHECK_RESET): _BY_MAIL,
    ("POST", PROOF): _BY_MAIL,
    ("POST", UNDO_EMAIL): _BY_MAIL,
    ("POST", REFRESH): "it raises nothing, and its token is the proof",
    ("GET", REFRESH): "it raises nothing, and its token is the proof",
    ("POST", LOGOUT): "ending sessions must be easy",
    ("GET", LOGOUT): "ending sessions must be easy",
    ("DELETE", SESSIONS): "ending sessions must be easy",
    ("DELETE", A_SESSION): "ending sessions must be easy",
    ("POST", CONFIRM_TOTP): "its code is of a secret that only a stepped-up session has seen",
    ("PATCH", ME): "a name, a photo and a language give access to nothing",
    **{
        (method, path): _VERIFIES
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for verify in (VERIFY, f"{VERIFY}-level-2")
        for path in (verify, f"{verify}/{{path:path}}")
    },
}
"""Routes that need none, and why."""

BODIES = SENSITIVE | {route: body for route, (body, _) in WITH_PASSWORD.items()}
each_sensitive = pytest.mark.parametrize(
    "route", [*BODIES], ids=[" ".join(route) for route in BODIES]
)
each_with_password = pytest.mark.parametrize(
    "route", WITH_PASSWORD, ids=[" ".join(route) for route in WITH_PASSWORD]
)


def is_unsafe(method: str, path: str) -> bool:
    return method not in {"GET", "HEAD"} or is_changed_by_get(path) or path == MY_EXPORT


def test_every_route_that_changes_something_has_a_decision(app: Litestar) -> None:
    unsafe = [(method, path) for method, path, _ in routes(app) if is_unsafe(method, path)]

    assert sorted(unsafe) == sorted([*SENSITIVE, *WITH_PASSWORD, *WITHOUT])


@pytest.fixture
async def user_id(client: Client, users: UserRepository) -> str:
    """Another user than the administrator, whom the requests are about."""
    await client.register()
    await client.register(ADMIN_EMAIL)
    await make_administrator(users)
    return str((await stored_user(users, EMAIL)).id)


async def call(
    client: Client, route: Route, user_id: str, headers: dict[str, str], **members: str
) -> httpx.Response:
    method, path = route
    return await client.request(
        method,
        path.replace(UNKNOWN_USER, user_id),
        json=None if method == "GET" else BODIES[route] | members,
        headers=headers,
    )


def check_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401
    assert answer.json()["code"] == "step_up_required"
    assert answer.json()["methods"] == ["password"]
    assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
    assert 'max_age="600"' in answer.headers["www-authenticate"]


def check_allowed(answer: httpx.Response) -> None:
    """The last administrator stays, and a factor that is not there cannot be changed."""
    refusals = {"last_administrator", "not_found", "passkey_invalid", "social_flow_invalid"}
    assert answer.is_success or answer.json()["code"] in refusals


@each_sensitive
async def test_a_login_is_not_enough_and_a_step_up_is_for_ten_minutes(
    client: Client, clock: SettableClock, users: UserRepository, user_id: str, route: Route
) -> None:
    before = await stored_user(users)
    token = (await client.obtain_tokens(ADMIN_EMAIL))["access_token"]
    check_refused(await call(client, route, user_id, bearer(token)))
    assert await stored_user(users) == before

    stepped_up = await client.stepped_up(token)
    clock.advance(STEP_UP_LIFETIME)
    check_refused(await call(client, route, user_id, bearer(stepped_up)))
    assert await stored_user(users) == before

    stepped_up = await client.stepped_up(stepped_up)
    answer = await call(client, route, user_id, bearer(stepped_up))
    check_allowed(answer)


@each_sensitive
async def test_a_step_up_is_needed_with_cookies_as_well(
    client: Client, user_id: str, route: Route
) -> None:
    await client.log_in(ADMIN_EMAIL)
    check_refused(await call(client, route, user_id, {}))

    assert (await client.step_up()).status_code == 200
    answer = await call(client, route, user_id, {})
    check_allowed(answer)


@each_sensitive
async def test_another_session_of_the_same_user_is_not_stepped_up(
    client: Client, user_id: str, route: Route
) -> None:
    other = (await client.obtain_tokens(ADMIN_EMAIL))["access_token"]
    await client.stepped_up((await client.obtain_tokens(ADMIN_EMAIL))["access_token"])

    check_refused(await call(client, route, user_id, bearer(other)))


@each_with_password
async def test_the_password_in_the_body_is_a_step_up_for_that_call_only(
    client: Client, user_id: str, route: Route
) -> None:
    token = (await client.obtain_tokens())["access_token"]
    member = WITH_PASSWORD[route][1]

    wrong = await call(client, route, user_id, bearer(token), **{member: "not it"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_password")

    done = await call(client, route, user_id, bearer(token), **{member: PASSWORD})
    assert done.is_success
    token = done.json().get("access_token", token)
    if route != ("DELETE", ME):
        check_refused(await client.get(MY_EXPORT, headers=bearer(token)))


async def test_the_account_can_be_deleted_without_a_body_after_a_step_up(client: Client) -> None:
    token = await client.stepped_up((await client.obtain_tokens())["access_token"])

    assert (await client.delete(ME, headers=bearer(token))).status_code == 200
    assert (await client.log_in()).status_code == 400
