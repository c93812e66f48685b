"""The answer to a gateway about a request to another service."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from dishka import AsyncContainer

from application.ports import SessionStore, UserRepository
from domain.errors import Unavailable
from domain.permissions import Role
from tests.http.client import (
    CLIENT_ORIGIN,
    LOGOUT,
    ME,
    ORIGIN,
    REFRESH,
    VERIFY,
    Client,
    bearer,
    stored_user,
    visible_parts,
)
from tests.http.conftest import each_stack
from tests.http.faults import Faults

Headers = dict[str, str]

SPOOFED = {
    "X-User-Id": "somebody",
    "X-User-Role": "admin",
    "X-User-Email-Verified": "true",
    "X-Session-Id": "0" * 32,
    "X-Session-Level": "2",
}


async def identity_of(users: UserRepository, container: AsyncContainer) -> Headers:
    """Return the identity headers of the user."""
    user = await stored_user(users)
    sessions: SessionStore = await container.get(SessionStore)
    [session] = await sessions.of_user(user.id)
    return {
        "x-user-id": str(user.id),
        "x-user-role": user.role.value,
        "x-user-email-verified": str(user.verified).lower(),
        "x-session-id": session.id,
        "x-session-level": "1",
    }


def identity(answer: httpx.Response) -> Headers:
    return {name: value for name, value in answer.headers.items() if name in _NAMES}


_NAMES = {name.lower() for name in SPOOFED}


@each_stack
async def test_a_good_token_is_whose_it_is(
    client: Client, users: UserRepository, container: AsyncContainer
) -> None:
    token = (await client.obtain_tokens())["access_token"]

    for _ in range(3):  # from the stores, and then from the cache
        answer = await client.verify(token)

        assert (answer.status_code, answer.content) == (204, b"")
        assert identity(answer) == await identity_of(users, container)


async def test_a_cookie_does_as_well(
    client: Client, users: UserRepository, container: AsyncContainer
) -> None:
    await client.sign_up()

    assert identity(await client.verify()) == await identity_of(users, container)


each_method = pytest.mark.parametrize(
    "method",
    [
        *("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
        *("PROPFIND", "MKCOL", "LOCK", "REPORT", "TRACE", "NEW"),
    ],
)


@each_method
@pytest.mark.parametrize(
    ("path", "status"),
    [("", 204), ("/orders/7", 200), ("/api/auth/login", 200), ("/a%2Fb//c/", 200)],
)
async def test_the_method_and_the_path_may_be_those_of_the_other_request(
    client: Client,
    users: UserRepository,
    container: AsyncContainer,
    method: str,
    path: str,
    status: int,
) -> None:
    token = (await client.obtain_tokens())["access_token"]

    answer = await client.request(method, VERIFY + path, headers=bearer(token))

    # Envoy, which appends the path, takes nothing but 200 for a yes.
    assert answer.status_code == status
    assert identity(answer) == await identity_of(users, container)


@pytest.mark.parametrize("method", ["POST", "PROPFIND", "MOVE", "NEW"])
async def test_another_sites_unsafe_request_with_a_cookie_is_refused(
    client: Client, method: str
) -> None:
    await client.sign_up()

    answer = await client.request(method, VERIFY, headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


@pytest.mark.parametrize("path", [ME, REFRESH])
async def test_other_routes_do_not_know_the_methods_of_webdav(client: Client, path: str) -> None:
    await client.sign_up()

    assert (await client.request("PROPFIND", path)).status_code == 405


@each_method
@pytest.mark.parametrize("path", ["", "/orders/7"])
async def test_a_preflight_is_no_yes(client: Client, method: str, path: str) -> None:
    """A gateway may keep the method, and takes any 2xx for one."""
    headers = {"Origin": CLIENT_ORIGIN, "Access-Control-Request-Method": "GET"} | SPOOFED

    answer = await client.request(method, VERIFY + path, headers=headers)

    assert answer.status_code == 401
    assert identity(answer) == {}


@pytest.mark.parametrize("path", ["//api/auth/verify", "/api/auth//verify", "/api//auth/verify/"])
async def test_a_preflight_is_no_yes_however_many_slashes_the_path_has(
    client: Client, path: str
) -> None:
    headers = {"Origin": CLIENT_ORIGIN, "Access-Control-Request-Method": "GET"} | SPOOFED

    answer = await client.request("OPTIONS", ORIGIN + path, headers=headers)

    assert answer.status_code == 401
    assert identity(answer) == {}


async def test_nothing_that_the_caller_says_is_in_the_answer(
    client: Client, users: UserRepository, container: AsyncContainer
) -> None:
    token = (await client.obtain_tokens())["access_token"]

    for _ in range(2):
        answer = await client.verify(token, headers=SPOOFED)
        assert identity(answer) == await identity_of(users, container)
    refused = await client.verify(headers=SPOOFED)
    assert identity(refused) == {}


@pytest.mark.parametrize("token", [None, "garbage", "a.b.c"])
async def test_without_a_good_token_it_is_refused(client: Client, token: str | None) -> None:
    answer = await client.verify(token)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@each_stack
@pytest.mark.parametrize("path", [VERIFY, ME])
async def test_the_cache_is_not_used_after_a_logout(client: Client, path: str) -> None:
    tokens = await client.obtain_tokens()
    mine = bearer(tokens["access_token"])
    for _ in range(3):
        assert (await client.get(path, headers=mine)).is_success

    assert (await client.log_out(tokens["refresh_token"])).status_code == 200

    assert (await client.get(path, headers=mine)).status_code == 401


@each_stack
@pytest.mark.parametrize("path", [VERIFY, ME])
@pytest.mark.parametrize("change", ["disabled", "deleted", "promoted"])
async def test_the_cache_is_not_used_after_a_change_of_the_user(
    client: Client, users: UserRepository, path: str, change: str
) -> None:
    mine = bearer((await client.obtain_tokens())["access_token"])
    for _ in range(3):
        assert (await client.get(path, headers=mine)).is_success
    user = await stored_user(users)

    if change == "deleted":
        await users.delete(user.id)
    else:
        changes: Any = {"disabled": True} if change == "disabled" else {"role": Role.ADMIN}
        assert (await users.replace(user, replace(user, **changes))).changed
    answer = await client.get(path, headers=mine)

    if change == "promoted":
        assert "admin" in answer.text + str(answer.headers)
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize("path", [VERIFY, ME])
async def test_an_answer_from_the_cache_equals_one_from_the_stores(
    client: Client, path: str
) -> None:
    mine = bearer((await client.obtain_tokens())["access_token"])

    first, second, third = [await client.get(path, headers=mine) for _ in range(3)]
    # The framework treats this as the same path; the fast path compares the exact one.
    slow = await client.get(f"{path}/", headers=mine)

    assert (
        visible_parts(second)
        == visible_parts(third)
        == visible_parts(first)
        == visible_parts(slow)
    )


@pytest.mark.parametrize("path", [VERIFY, ME])
async def test_an_ambiguous_credential_is_rejected_though_one_of_them_is_cached(
    client: Client, path: str
) -> None:
    token = (await client.obtain_tokens())["access_token"]
    for _ in range(2):
        assert (await client.get(path, headers=bearer(token))).is_success

    twice = [("Authorization", f"Bearer {token}")] * 2
    assert (await client.get(path, headers=twice)).status_code == 401
    cookies = f"access_token={token}; access_token={token}"
    assert (await client.with_cookies(path, cookies)).status_code == 401
    both = bearer(token) | {"Cookie": cookies}
    assert (await client.get(path, headers=both)).status_code == 401


async def test_a_refresh_token_opens_nothing(client: Client) -> None:
    token = (await client.obtain_tokens())["refresh_token"]
    assert (await client.post(REFRESH, json={"refresh_token": token})).status_code == 200

    for _ in range(2):
        assert (await client.verify(token)).status_code == 401


async def test_a_store_that_is_down_lets_no_request_through(
    client: Client, faults: Faults
) -> None:
    token = (await client.obtain_tokens())["access_token"]
    faults.sessions = Unavailable("sessions")

    answer = await client.verify(token)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_another_sites_page_cannot_have_a_change_verified(client: Client) -> None:
    await client.sign_up()

    answer = await client.post(f"{VERIFY}/orders", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert identity(answer) == {}


async def test_a_logout_by_head_is_none(client: Client) -> None:
    await client.sign_up()

    assert (await client.head(LOGOUT)).status_code == 405
    assert (await client.verify()).status_code == 204
