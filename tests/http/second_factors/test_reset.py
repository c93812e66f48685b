"""An administrator resets the second factors of a user over HTTP."""

import pytest
from dishka import AsyncContainer

from application.ports import SecondFactorStore, UserRepository
from domain.second_factors.factors import SecondFactors, Totp
from tests.http.client import (
    ADMIN_EMAIL,
    EMAIL,
    THEIR_FACTORS,
    UNKNOWN_USER,
    USERS,
    Client,
    an_administrator,
    bearer,
    stored_user,
)
from tests.http.conftest import each_stack

Headers = dict[str, str]


@pytest.fixture
async def admin(client: Client, users: UserRepository) -> Headers:
    """The headers of an administrator whose session is stepped up."""
    return await an_administrator(client, users)


async def enrol(container: AsyncContainer, users: UserRepository) -> str:
    """Give the user an authenticator app; return the path of the reset."""
    user = await stored_user(users)
    factors: SecondFactorStore = await container.get(SecondFactorStore)
    app = SecondFactors(user.id, Totp("sealed"))
    assert (await factors.replace(SecondFactors(user.id), app)).changed
    marked = user.with_second_factor(has=True, now=user.updated_at)
    assert (await users.replace(user, marked)).changed
    return THEIR_FACTORS.replace(UNKNOWN_USER, str(user.id))


@each_stack
async def test_after_a_reset_the_user_logs_in_with_the_password(
    client: Client, container: AsyncContainer, users: UserRepository, admin: Headers
) -> None:
    tokens = await client.obtain_tokens()
    path = await enrol(container, users)
    assert (await client.log_in()).status_code == 401

    answer = await client.delete(path, headers=admin)

    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    assert (await client.log_in()).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401
    assert (await client.delete(path, headers=admin)).status_code == 200


async def test_administrators_see_who_has_a_second_factor(
    client: Client, container: AsyncContainer, users: UserRepository, admin: Headers
) -> None:
    await client.register()
    await enrol(container, users)

    listed = (await client.get(USERS, headers=admin)).json()["data"]["users"]

    assert {each["email"]: each["hasSecondFactor"] for each in listed} == {
        EMAIL: True,
        ADMIN_EMAIL: False,
    }


@pytest.mark.usefixtures("admin")
async def test_a_reset_needs_a_step_up(
    client: Client, container: AsyncContainer, users: UserRepository
) -> None:
    await client.register()
    path = await enrol(container, users)
    without = bearer((await client.obtain_tokens(ADMIN_EMAIL))["access_token"])

    answer = await client.delete(path, headers=without)

    assert (answer.status_code, answer.json()["code"]) == (401, "step_up_required")
    assert (await client.log_in()).status_code == 401


async def test_administrators_cannot_reset_themselves(
    client: Client, users: UserRepository, admin: Headers
) -> None:
    boss = await stored_user(users, ADMIN_EMAIL)

    answer = await client.delete(THEIR_FACTORS.replace(UNKNOWN_USER, str(boss.id)), headers=admin)

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def test_an_unknown_user_is_not_found(client: Client, admin: Headers) -> None:
    assert (await client.delete(THEIR_FACTORS, headers=admin)).status_code == 404
