"""How long sessions live, by the transport of their login."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from infrastructure.config.settings import Settings
from tests.http.client import NEW_PASSWORD, SESSIONS, Client, bearer
from tests.http.conftest import each_stack
from tests.model.model import read
from tests.support.builders import NOW, SECOND
from tests.support.doubles import SettableClock

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ENDS = {"cookie": 30 * DAY, "bearer": 90 * DAY}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    tokens = replace(
        settings.tokens,
        bearer_refresh_expired_in=20 * DAY,
        bearer_session_expired_in=ENDS["bearer"],
    )
    return replace(settings, tokens=tokens)


def lifetime_of(refresh_token: str) -> timedelta:
    claims = read(refresh_token)
    return timedelta(seconds=claims["exp"] - claims["iat"])


def refresh_cookie(answer: httpx.Response) -> tuple[str, timedelta]:
    """Return the token of the cookie, and its Max-Age."""
    [cookie] = [
        each for each in answer.headers.get_list("set-cookie") if each.startswith("refresh_token=")
    ]
    name_and_token, *attributes = cookie.split("; ")
    [max_age] = [each for each in attributes if each.startswith("Max-Age=")]
    return name_and_token.partition("=")[2], int(max_age.partition("=")[2]) * SECOND


async def only_session(client: Client, **options: Any) -> tuple[timedelta, timedelta]:
    """Return the times of the only session in the list: idle and absolute."""
    [view] = (await client.get(SESSIONS, **options)).json()["data"]["sessions"]
    begin, idle_from, idle, end = (
        datetime.fromisoformat(view[name])
        for name in ("startedAt", "refreshedAt", "expiresAt", "endsAt")
    )
    assert begin == NOW
    return idle - idle_from, end - begin


@each_stack
async def test_a_cookie_session_has_one_lifetime_everywhere(
    client: Client, clock: SettableClock
) -> None:
    await client.register()
    for call in (client.log_in, client.refresh):
        answer = await call()

        token, max_age = refresh_cookie(answer)
        assert lifetime_of(token) == max_age == HOUR
        assert await only_session(client) == (HOUR, ENDS["cookie"])
        clock.advance(HOUR - 10 * SECOND)

    clock.advance(41 * SECOND)
    assert (await client.refresh()).status_code == 401


@each_stack
async def test_a_bearer_session_has_one_lifetime_everywhere(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    for _ in range(2):
        mine = {"headers": bearer(tokens["access_token"])}
        assert lifetime_of(tokens["refresh_token"]) == 20 * DAY
        assert await only_session(client, **mine) == (20 * DAY, ENDS["bearer"])

        clock.advance(20 * DAY - 10 * SECOND)
        tokens = (await client.refresh(tokens["refresh_token"])).json()

    clock.advance(20 * DAY + 31 * SECOND)
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401


async def test_a_bearer_session_ends_however_often_it_is_refreshed(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    for _ in range(4):
        clock.advance(19 * DAY)
        tokens = (await client.refresh(tokens["refresh_token"])).json()

    assert lifetime_of(tokens["refresh_token"]) == ENDS["bearer"] - 4 * 19 * DAY


async def test_the_token_of_a_stolen_cookie_lives_no_longer_if_it_is_sent_in_a_body(
    client: Client, clock: SettableClock
) -> None:
    await client.sign_up()
    stolen = client.cookies["refresh_token"]
    client.cookies.clear()
    clock.advance(60 * SECOND)

    tokens = (await client.refresh(stolen)).json()

    assert lifetime_of(tokens["refresh_token"]) == HOUR
    clock.advance(HOUR + 31 * SECOND)
    assert (await client.refresh(tokens["refresh_token"])).status_code == 401


async def test_a_bearer_token_in_a_cookie_keeps_the_lifetime_of_its_session(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    client.cookies.set("refresh_token", tokens["refresh_token"])
    clock.advance(60 * SECOND)

    token, max_age = refresh_cookie(await client.refresh())

    assert lifetime_of(token) == max_age == 20 * DAY


async def test_a_change_of_password_by_the_other_transport_lengthens_no_session(
    client: Client,
) -> None:
    await client.sign_up()
    stolen = client.cookies["access_token"]
    client.cookies.clear()

    by_header = (await client.change_password(headers=bearer(stolen))).json()

    assert lifetime_of(by_header["refresh_token"]) == HOUR
    tokens = (await client.log_in(password=NEW_PASSWORD, transport="bearer")).json()
    assert lifetime_of(tokens["refresh_token"]) == 20 * DAY


async def test_a_login_without_transport_starts_a_cookie_session(client: Client) -> None:
    await client.register()
    for transport in ({}, {"transport": "cookie"}):
        token, max_age = refresh_cookie(await client.log_in(**transport))

        assert lifetime_of(token) == max_age == HOUR
