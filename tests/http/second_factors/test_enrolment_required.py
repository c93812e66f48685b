"""Where the operator demands a second factor, a session without it can do nothing but enrol."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from dishka import AsyncContainer
from litestar import Litestar

from application.ports import UserRepository
from domain.permissions import Role
from infrastructure.config.settings import Settings
from tests.http.client import (
    ADMIN_EMAIL,
    CONFIRM_TOTP,
    ME,
    MY_FACTORS,
    MY_PASSKEY_OPTIONS,
    MY_PASSKEYS,
    MY_TOTP,
    ORIGIN,
    STEP_UP,
    STEP_UP_SOCIAL,
    USERS,
    VERIFY,
    Client,
    a_client,
    bearer,
    make_administrator,
    routes,
    stored_user,
)
from tests.http.second_factors.levels import raised_to_level_two
from tests.support.authenticator import Authenticator
from tests.support.builders import AUDIENCES, a_user
from tests.support.doubles import SettableClock

FOR_ENROLMENT = {
    ("POST", STEP_UP),
    ("POST", STEP_UP_SOCIAL),
    ("GET", MY_FACTORS),
    ("POST", MY_TOTP),
    ("POST", CONFIRM_TOTP),
    ("POST", MY_PASSKEY_OPTIONS),
    ("POST", MY_PASSKEYS),
}
"""The routes that need a login and answer a restricted session. No other one does."""


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings.read(
        {
            "USERS_URL": "memory:",
            "SESSIONS_URL": "memory:",
            "DOORWARD_DATA": str(tmp_path),
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "off",
            "MFA": getattr(request, "param", "everybody"),
        }
    )


def with_policy(policy: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings", [policy], indirect=True)


def claims_in(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def is_refused(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 403
        and b"second_factor_enrolment_required" in answer.content
        and "x-user-id" not in answer.headers
    )


async def test_a_restricted_session_is_answered_by_the_routes_of_the_enrolment_alone(
    client: Client, app: Litestar, users: UserRepository
) -> None:
    """With every permission: as an administrator."""
    token = (await client.obtain_tokens(ADMIN_EMAIL))["access_token"]
    before = await make_administrator(users)
    answered = set()

    for method, path, handler in routes(app):
        if handler.opt.get("is_public"):
            continue
        body: dict[str, str] | None = None if method in {"GET", "DELETE"} else {}
        answer = await client.request(method, path, headers=bearer(token), json=body)
        if not is_refused(answer):
            answered.add((method, path))

    assert answered == FOR_ENROLMENT
    assert await stored_user(users, ADMIN_EMAIL) == before


async def test_neither_the_cache_nor_a_cookie_lets_a_restricted_session_through(
    client: Client,
) -> None:
    await client.sign_up()

    for path in (ME, VERIFY, f"{VERIFY}?level=1", f"{VERIFY}/for/orders", f"{ME}/"):
        for method in ("GET", "HEAD"):
            for _ in range(3):
                answer = await client.request(method, path)
                assert answer.status_code == 403
                assert "x-user-id" not in answer.headers


async def test_other_services_do_not_accept_the_token_of_a_restricted_session(
    client: Client, container: AsyncContainer
) -> None:
    tokens = await client.obtain_tokens()
    refreshed = (await client.refresh(tokens["refresh_token"])).json()
    stepped_up = (await client.step_up(refreshed["access_token"])).json()
    restricted = [each["access_token"] for each in (tokens, refreshed, stepped_up)]

    unrestricted = (await raised_to_level_two(container)).access

    assert {claims_in(each)["aud"] for each in restricted} == {AUDIENCES.enrolment}
    assert claims_in(unrestricted)["aud"] == AUDIENCES.access


async def test_a_repeated_refresh_of_a_restricted_session_answers_the_same_tokens(
    client: Client,
) -> None:
    token = (await client.obtain_tokens())["refresh_token"]

    assert (await client.refresh(token)).json() == (await client.refresh(token)).json()


async def test_an_enrolment_lifts_the_restriction(
    client: Client, container: AsyncContainer
) -> None:
    token = (await client.obtain_tokens())["access_token"]
    assert is_refused(await client.me(token))

    raised = (await raised_to_level_two(container)).access

    for _ in range(2):
        assert (await client.me(raised)).status_code == 200
        assert (await client.verify(raised)).status_code == 204
    assert (await client.me(token)).status_code == 401


async def test_a_restricted_session_steps_up_by_the_password_and_stays_restricted(
    client: Client,
) -> None:
    token = (await client.obtain_tokens())["access_token"]

    answer = await client.step_up(token)

    assert answer.status_code == 200
    assert is_refused(await client.me(answer.json()["access_token"]))


async def test_a_restricted_session_can_log_out(client: Client, app: Litestar) -> None:
    tokens = await client.obtain_tokens()

    async with a_client(app, ORIGIN) as other:
        answer = await other.post("/api/auth/logout", headers=bearer(tokens["access_token"]))

    assert answer.status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401


@with_policy("admins")
async def test_with_admins_a_promotion_restricts_the_present_session_and_a_demotion_lifts_it(
    client: Client, users: UserRepository
) -> None:
    token = (await client.obtain_tokens(ADMIN_EMAIL))["access_token"]
    for _ in range(2):
        assert (await client.me(token)).status_code == 200

    administrator = await make_administrator(users)
    await users.add(a_user(role=Role.ADMIN))  # the last one cannot be demoted
    for path in (ME, VERIFY, USERS):
        assert is_refused(await client.get(path, headers=bearer(token)))

    demoted = replace(administrator, role=Role.USER)
    assert (await users.replace(administrator, demoted)).changed
    assert (await client.me(token)).status_code == 200


@with_policy("admins")
async def test_with_admins_an_administrator_acts_with_level_two(
    client: Client, users: UserRepository, container: AsyncContainer
) -> None:
    await client.obtain_tokens(ADMIN_EMAIL)
    await make_administrator(users)

    raised = (await raised_to_level_two(container, ADMIN_EMAIL)).access

    assert (await client.get(USERS, headers=bearer(raised))).status_code == 200


@pytest.mark.parametrize("settings", ["off", "optional"], indirect=True)
async def test_without_a_demand_no_session_is_restricted(
    client: Client, users: UserRepository
) -> None:
    token = (await client.obtain_tokens(ADMIN_EMAIL))["access_token"]
    await make_administrator(users)

    assert (await client.get(USERS, headers=bearer(token))).status_code == 200
    assert claims_in(token)["aud"] == AUDIENCES.access


async def test_a_restricted_user_adds_a_passkey_and_is_free(client: Client) -> None:
    await client.sign_up()
    assert is_refused(await client.me())
    await client.step_up()
    options = (await client.post(MY_PASSKEY_OPTIONS)).json()["options"]

    await client.post(MY_PASSKEYS, json={"credential": Authenticator().create(options)})

    for _ in range(2):
        assert (await client.me()).status_code == 200
        assert (await client.get(f"{VERIFY}?level=2")).status_code == 204


async def test_a_restricted_user_enrols_an_authenticator_app_and_is_free(
    client: Client, clock: SettableClock
) -> None:
    await client.sign_up()
    assert is_refused(await client.me())

    await client.enrol(clock())

    for _ in range(2):
        assert (await client.me()).status_code == 200
        assert (await client.get(f"{VERIFY}?level=2")).status_code == 204
