"""Logging out, also while a refresh is under way."""

import asyncio
import random
from itertools import count

import pytest

from application.authentication import TokenPair
from domain.errors import NotLoggedIn, TokenRejected
from tests.support.builders import LIFETIMES, World
from tests.support.doubles import PausingSessions


async def is_dead(house: World, pair: TokenPair) -> bool:
    """Whether neither of the two tokens opens anything."""
    for open_with, token in (
        (house.authenticate, pair.access),
        (house.refresh, pair.refresh),
    ):
        try:
            await open_with(token)
        except TokenRejected:
            continue
        return False
    return True


async def test_a_logout_kills_every_token_of_the_session(house: World) -> None:
    user = await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh)

    await house.logout(second.access, second.refresh)

    assert await is_dead(house, first)
    assert await is_dead(house, second)
    assert await house.sessions.of_user(user.id) == []


async def test_either_token_is_enough_to_log_out(house: World) -> None:
    await house.sign_up()
    one, other = await house.come_in(), await house.come_in()

    await house.logout(one.access, None)
    await house.logout(None, other.refresh)

    assert await is_dead(house, one)
    assert await is_dead(house, other)


async def test_an_expired_access_token_beside_a_good_refresh_token_logs_out(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()
    house.clock.advance(LIFETIMES.access * 2)

    await house.logout(pair.access, pair.refresh)

    assert await is_dead(house, pair)


async def test_an_invalid_token_beside_a_valid_one_does_not_prevent_the_logout(
    house: World,
) -> None:
    await house.sign_up()
    one, other = await house.come_in(), await house.come_in()

    await house.logout("rubbish", one.refresh)
    await house.logout(other.access, "rubbish")

    assert await is_dead(house, one)
    assert await is_dead(house, other)


async def test_two_tokens_of_different_sessions_end_both(house: World) -> None:
    await house.sign_up()
    one, other = await house.come_in(), await house.come_in()

    await house.logout(one.access, other.refresh)

    assert await is_dead(house, one)
    assert await is_dead(house, other)


async def test_a_logout_ends_no_other_session(house: World) -> None:
    await house.sign_up()
    one, other = await house.come_in(), await house.come_in()

    await house.logout(one.access, one.refresh)

    await house.authenticate(other.access)


async def test_a_logout_may_be_repeated(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()

    await house.logout(pair.access, pair.refresh)
    await house.logout(pair.access, pair.refresh)

    assert await is_dead(house, pair)


async def test_a_spent_refresh_token_still_logs_out(house: World) -> None:
    await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh)

    await house.logout(None, first.refresh)

    assert await is_dead(house, second)


async def test_a_disabled_user_may_log_out(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()
    await house.change(user, disabled=True)

    await house.logout(pair.access, pair.refresh)

    assert await house.sessions.of_user(user.id) == []


async def test_a_logout_needs_a_token(house: World) -> None:
    with pytest.raises(NotLoggedIn):
        await house.logout(None, None)


async def test_a_logout_needs_a_good_token_in_its_own_place(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()

    for access, refresh in ((pair.refresh, pair.access), ("rubbish", None), (None, "")):
        with pytest.raises(TokenRejected):
            await house.logout(access, refresh)

    await house.authenticate(pair.access)


async def test_expired_tokens_end_no_session(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()
    house.clock.advance(LIFETIMES.idle * 2)

    with pytest.raises(TokenRejected):
        await house.logout(pair.access, pair.refresh)

    assert len(await house.sessions.of_user(user.id)) == 1


# A refresh takes two steps in the store, get and replace, with a pause before and after each.
@pytest.mark.parametrize("pauses_before", range(4))
async def test_a_logout_between_the_steps_of_a_refresh_wins(
    house: World, pauses_before: int
) -> None:
    user = await house.sign_up()
    pair = await house.come_in()
    sessions, pauses = house.sessions, count()

    async def log_out_in_between() -> None:
        if next(pauses) == pauses_before:
            house.sessions = sessions
            await house.logout(None, pair.refresh)

    house.sessions = PausingSessions(sessions, log_out_in_between)
    try:
        successor = await house.refresh(pair.refresh)
    except TokenRejected:
        assert pauses_before < 3  # later the refresh has been stored, and answers
    else:
        assert await is_dead(house, successor)
    assert await is_dead(house, pair)
    assert next(pauses) > pauses_before
    assert await sessions.of_user(user.id) == []


async def test_a_logout_that_races_refreshes_always_wins(house: World) -> None:
    user = await house.sign_up()
    sessions = house.sessions
    dice = random.Random(21)

    async def pause() -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)

    house.sessions = PausingSessions(sessions, pause)
    outcomes = set()
    for _ in range(200):
        pair = await house.come_in()
        _, *answers = await asyncio.gather(
            house.logout(pair.access, pair.refresh),
            house.refresh(pair.refresh),
            house.refresh(pair.refresh),
            return_exceptions=True,
        )
        assert await sessions.of_user(user.id) == []
        for answer in answers:
            outcomes.add(type(answer))
            if isinstance(answer, TokenPair):
                assert await is_dead(house, answer)

    assert outcomes == {TokenPair, TokenRejected}  # so there were races, and either may be first
