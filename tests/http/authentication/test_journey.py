"""Register, log in, stay logged in, log out: on every combination of stores."""

import asyncio
from datetime import timedelta

import pytest

from tests.http.client import Client
from tests.http.conftest import STACKS
from tests.support.doubles import SettableClock

pytestmark = pytest.mark.parametrize("settings", STACKS, indirect=True)


async def test_a_user_registers_logs_in_refreshes_and_logs_out(client: Client) -> None:
    registered = await client.register()
    assert registered.status_code == 200
    assert (await client.log_in()).status_code == 200
    assert (await client.me()).json() == registered.json()
    assert (await client.refresh()).status_code == 200
    assert (await client.me()).status_code == 200
    assert (await client.log_out()).json() == {"status": "success"}
    assert not client.login_cookies
    assert (await client.me()).status_code == 401


async def test_logout_kills_every_token_that_the_session_ever_had(client: Client) -> None:
    await client.register()
    first = (await client.log_in(transport="bearer")).json()
    second = (await client.refresh(first["refresh_token"])).json()
    assert (await client.me(first["access_token"])).status_code == 200
    assert (await client.log_out(second["refresh_token"])).status_code == 200
    for tokens in (first, second):
        assert (await client.me(tokens["access_token"])).status_code == 401
        assert (await client.refresh(tokens["refresh_token"])).status_code == 401


async def test_parallel_refreshes_of_one_token_get_the_same_answer(client: Client) -> None:
    await client.register()
    token = (await client.log_in(transport="bearer")).json()["refresh_token"]
    answers = await asyncio.gather(*(client.refresh(token) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert (await client.refresh(answers[0].json()["refresh_token"])).status_code == 200


async def test_a_refresh_whose_answer_was_lost_is_repeated(
    client: Client, clock: SettableClock
) -> None:
    await client.register()
    token = (await client.log_in(transport="bearer")).json()["refresh_token"]
    lost = await client.refresh(token)
    clock.advance(timedelta(seconds=9))
    assert (await client.refresh(token)).content == lost.content


async def test_a_refresh_token_that_comes_back_late_ends_the_session(
    client: Client, clock: SettableClock
) -> None:
    await client.register()
    stolen = (await client.log_in(transport="bearer")).json()
    owner = (await client.refresh(stolen["refresh_token"])).json()
    clock.advance(timedelta(seconds=11))
    assert (await client.refresh(stolen["refresh_token"])).status_code == 401
    assert (await client.me(owner["access_token"])).status_code == 401
    assert (await client.refresh(owner["refresh_token"])).status_code == 401


async def test_of_parallel_registrations_of_one_address_one_succeeds(client: Client) -> None:
    answers = await asyncio.gather(*(client.register() for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


async def test_both_stores_are_ready(client: Client) -> None:
    answer = await client.get("/health/ready")
    checks = {"users": "up", "sessions": "up", "keys": "up"}
    assert answer.json() == {"status": "success", "checks": checks}
