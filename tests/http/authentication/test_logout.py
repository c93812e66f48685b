"""A logout ends the session, whichever of its tokens is presented, and may be repeated."""

from datetime import timedelta

import pytest

from tests.http.client import LOGOUT, SESSIONS, Client, Tokens, bearer, visible_parts
from tests.support.doubles import SettableClock

SIGNED_OUT = {"status": "success"}


async def is_over(client: Client, tokens: Tokens) -> bool:
    """Whether both tokens are rejected; fail if only one is."""
    access = (await client.me(tokens["access_token"])).status_code
    refresh = (await client.refresh(tokens["refresh_token"])).status_code
    assert access == refresh
    assert access in {200, 401}
    return access == 401


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_either_cookie_is_enough(client: Client, method: str, name: str) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.with_cookies(LOGOUT, f"{name}={tokens[name]}", method=method)

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, tokens)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_expired_access_token_beside_a_good_refresh_token_is_no_obstacle(
    client: Client, clock: SettableClock, method: str
) -> None:
    tokens = await client.obtain_tokens()
    clock.advance(timedelta(minutes=20))
    assert (await client.me(tokens["access_token"])).status_code == 401
    both = "; ".join(f"{name}={tokens[name]}" for name in ("access_token", "refresh_token"))

    answer = await client.with_cookies(LOGOUT, both, method=method)

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, tokens)


async def test_an_expired_bearer_token_beside_a_good_refresh_token_is_no_obstacle(
    client: Client, clock: SettableClock
) -> None:
    tokens = await client.obtain_tokens()
    clock.advance(timedelta(minutes=20))

    answer = await client.log_out(tokens["refresh_token"], headers=bearer(tokens["access_token"]))

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, tokens)


@pytest.mark.parametrize("garbage", ["", "garbage", "a.b.c"])
async def test_a_malformed_access_cookie_beside_a_good_refresh_cookie_is_no_obstacle(
    client: Client, garbage: str
) -> None:
    tokens = await client.obtain_tokens()
    both = f"access_token={garbage}; refresh_token={tokens['refresh_token']}"

    answer = await client.with_cookies(LOGOUT, both)

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, tokens)


async def test_a_malformed_refresh_token_beside_a_good_access_token_is_no_obstacle(
    client: Client,
) -> None:
    tokens = await client.obtain_tokens()

    answer = await client.log_out("garbage", headers=bearer(tokens["access_token"]))

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, tokens)


async def test_tokens_of_two_sessions_end_both(client: Client) -> None:
    one, other = await client.obtain_tokens(), await client.obtain_tokens("eve@example.org")

    answer = await client.log_out(other["refresh_token"], headers=bearer(one["access_token"]))

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, one)
    assert await is_over(client, other)


async def test_the_token_in_the_body_counts_beside_cookies(client: Client) -> None:
    other = await client.obtain_tokens("eve@example.org")
    await client.sign_up()
    one = {name: client.cookies[name] for name in ("access_token", "refresh_token")}

    answer = await client.log_out(other["refresh_token"])

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, one)
    assert await is_over(client, other)


async def test_cookies_of_two_sessions_end_both(client: Client) -> None:
    one, other = await client.obtain_tokens(), await client.obtain_tokens("eve@example.org")
    both = f"access_token={one['access_token']}; refresh_token={other['refresh_token']}"

    answer = await client.with_cookies(LOGOUT, both)

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, one)
    assert await is_over(client, other)


async def test_other_sessions_live_on(client: Client) -> None:
    one, other = await client.obtain_tokens(), await client.obtain_tokens()

    await client.log_out(one["refresh_token"])

    assert await is_over(client, one)
    assert not await is_over(client, other)


async def test_a_repeated_logout_gets_the_same_answer(client: Client) -> None:
    tokens = await client.obtain_tokens()
    both = "; ".join(f"{name}={tokens[name]}" for name in ("access_token", "refresh_token"))

    first = await client.with_cookies(LOGOUT, both)
    again = await client.with_cookies(LOGOUT, both)

    assert first.status_code == 200
    assert visible_parts(first) == visible_parts(again)
    assert (await client.log_out(tokens["refresh_token"])).json() == SIGNED_OUT


async def test_a_spent_refresh_token_logs_out_too(client: Client) -> None:
    spent = await client.obtain_tokens()
    tokens = (await client.refresh(spent["refresh_token"])).json()

    answer = await client.log_out(spent["refresh_token"])

    assert answer.json() == SIGNED_OUT
    assert await is_over(client, tokens)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_logout_without_a_token_is_refused(client: Client, method: str) -> None:
    answer = await client.request(method, LOGOUT)

    assert answer.status_code == 401
    assert answer.json()["message"].startswith("You are not logged in")


async def test_a_logout_without_a_valid_token_ends_no_session(client: Client) -> None:
    tokens = await client.obtain_tokens()
    swapped = f"access_token={tokens['refresh_token']}; refresh_token={tokens['access_token']}"

    answer = await client.with_cookies(LOGOUT, swapped)

    assert answer.status_code == 401
    assert answer.json()["message"] == "Token is invalid or session has expired"
    assert not await is_over(client, tokens)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_logout_clears_the_browsers_cache_and_nothing_else(
    client: Client, method: str
) -> None:
    """Other cookies of the site, and the storage of an application, are not Doorward's."""
    await client.sign_up()

    answer = await client.request(method, LOGOUT)

    assert answer.headers["clear-site-data"] == '"cache"'


async def test_the_end_of_the_own_session_clears_the_cache_and_that_of_another_does_not(
    client: Client,
) -> None:
    await client.sign_up()
    other = await client.obtain_tokens()

    others = await client.delete(SESSIONS)
    mine = await client.delete(SESSIONS, params={"all": "true"})

    assert (await client.me(other["access_token"])).status_code == 401
    assert "clear-site-data" not in others.headers
    assert mine.headers["clear-site-data"] == '"cache"'
