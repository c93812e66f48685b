"""A refresh token that is presented again: by its client, and by a thief."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar

from tests.http.client import MY_ACTIVITY, ORIGIN, REFRESH, SESSIONS, Client, a_client
from tests.support.builders import SECOND
from tests.support.doubles import SettableClock

FIREFOX, PHONE = "Mozilla/5.0 Firefox/128.0", "ExampleApp/1.0 (Android 15)"
ELSEWHERE = "203.0.113.9"


@pytest.fixture
async def thief(app: Litestar) -> AsyncIterator[Client]:
    async with a_client(app, ORIGIN, ELSEWHERE) as client:
        yield client


async def test_a_copy_of_the_tokens_without_the_device_cookie_ends_the_session(
    client: Client, thief: Client
) -> None:
    client.headers["User-Agent"] = thief.headers["User-Agent"] = FIREFOX
    await client.sign_up()
    thief.cookies.update(client.login_cookies)
    assert (await client.refresh()).status_code == 200

    answer = await thief.refresh()

    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_token"
    assert (await client.me()).status_code == 401


async def test_a_thief_with_all_cookies_is_recorded_at_once_and_noticed_soon(
    client: Client, thief: Client, clock: SettableClock
) -> None:
    client.headers["User-Agent"] = thief.headers["User-Agent"] = FIREFOX
    await client.sign_up()
    answers = []
    for _ in range(6):
        clock.advance(60 * SECOND)
        thief.cookies.clear()
        thief.cookies.update(client.cookies)
        if not (await client.refresh()).is_success:
            break
        answers.append((await thief.refresh()).status_code)

    assert answers == [200, 200, 200, 200, 401]
    assert (await client.log_in()).status_code == 200
    events = (await client.get(MY_ACTIVITY)).json()["data"]["events"]
    repeats = [each["address"] for each in events if each["what"] == "repeat refresh"]
    assert repeats == [ELSEWHERE] * 4
    assert "refresh_token_reused" in [each["outcome"] for each in events]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_two_tabs_and_a_retry_get_the_same_cookies(client: Client, method: str) -> None:
    await client.sign_up()
    cookies = {**client.cookies}
    for _ in range(3):  # rotations within the grace period
        assert (await client.refresh()).is_success
    valid = client.cookies["refresh_token"]

    client.cookies.clear()
    client.cookies.update(cookies)
    answer = await client.request(method, REFRESH)

    assert answer.cookies["refresh_token"] == valid


async def test_a_phone_that_changes_networks_repeats_a_refresh(
    client: Client, thief: Client
) -> None:
    moved = thief  # the phone, in its new network
    client.headers["User-Agent"] = moved.headers["User-Agent"] = PHONE
    tokens = await client.obtain_tokens()
    lost = await client.refresh(tokens["refresh_token"])

    answer = await moved.refresh(tokens["refresh_token"])

    assert answer.json() == lost.json()


async def test_my_sessions_do_not_show_when_the_owner_refreshes(
    client: Client, thief: Client, clock: SettableClock
) -> None:
    await client.sign_up()
    thief.cookies.update(client.cookies)
    clock.advance(10 * SECOND)
    before = (await thief.get(SESSIONS)).json()

    await client.refresh()

    assert (await thief.get(SESSIONS)).json() == before
