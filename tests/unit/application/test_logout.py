"""Logging out, also while a refresh is under way."""

import asyncio
import random
from itertools import count

import pytest

from application.login.complete import TokenPair
from domain.errors import NotLoggedIn, TokenRejected
from tests.support.builders import LIFETIMES
from tests.support.doubles import PausingSessions
from tests.support.world import World


async def is_dead(world: World, pair: TokenPair) -> bool:
    """Whether both tokens are rejected."""
    for open_with, token in (
        (world.authenticate, pair.access),
        (world.refresh, pair.refresh),
    ):
        try:
            await open_with(token)
        except TokenRejected:
            continue
        return False
    return True


async def test_a_logout_kills_every_token_of_the_session(world: World) -> None:
    user = await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh)

    await world.logout(second.access, second.refresh)

    assert await is_dead(world, first)
    assert await is_dead(world, second)
    assert await world.sessions.of_user(user.id) == []


async def test_either_token_is_enough_to_log_out(world: World) -> None:
    await world.sign_up()
    one, other = await world.log_in(), await world.log_in()

    await world.logout(one.access, None)
    await world.logout(None, other.refresh)

    assert await is_dead(world, one)
    assert await is_dead(world, other)


async def test_an_expired_access_token_beside_a_good_refresh_token_logs_out(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()
    world.clock.advance(LIFETIMES.access * 2)

    await world.logout(pair.access, pair.refresh)

    assert await is_dead(world, pair)


async def test_an_invalid_token_beside_a_valid_one_does_not_prevent_the_logout(
    world: World,
) -> None:
    await world.sign_up()
    one, other = await world.log_in(), await world.log_in()

    await world.logout("rubbish", one.refresh)
    await world.logout(other.access, "rubbish")

    assert await is_dead(world, one)
    assert await is_dead(world, other)


async def test_two_tokens_of_different_sessions_end_both(world: World) -> None:
    await world.sign_up()
    one, other = await world.log_in(), await world.log_in()

    await world.logout(one.access, other.refresh)

    assert await is_dead(world, one)
    assert await is_dead(world, other)


async def test_a_logout_ends_no_other_session(world: World) -> None:
    await world.sign_up()
    one, other = await world.log_in(), await world.log_in()

    await world.logout(one.access, one.refresh)

    await world.authenticate(other.access)


async def test_a_logout_may_be_repeated(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()

    await world.logout(pair.access, pair.refresh)
    await world.logout(pair.access, pair.refresh)

    assert await is_dead(world, pair)


async def test_a_spent_refresh_token_still_logs_out(world: World) -> None:
    await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh)

    await world.logout(None, first.refresh)

    assert await is_dead(world, second)


async def test_a_disabled_user_may_log_out(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()
    await world.change(user, disabled=True)

    await world.logout(pair.access, pair.refresh)

    assert await world.sessions.of_user(user.id) == []


async def test_a_logout_needs_a_token(world: World) -> None:
    with pytest.raises(NotLoggedIn):
        await world.logout(None, None)


async def test_a_logout_needs_a_good_token_in_its_own_place(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()

    for access, refresh in ((pair.refresh, pair.access), ("rubbish", None), (None, "")):
        with pytest.raises(TokenRejected):
            await world.logout(access, refresh)

    await world.authenticate(pair.access)


async def test_expired_tokens_end_no_session(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()
    world.clock.advance(LIFETIMES.idle * 2)

    with pytest.raises(TokenRejected):
        await world.logout(pair.access, pair.refresh)

    assert len(await world.sessions.of_user(user.id)) == 1


# A refresh takes two steps in the store, get and replace, with a pause before and after each.
@pytest.mark.parametrize("pauses_before", range(4))
async def test_a_logout_between_the_steps_of_a_refresh_wins(
    world: World, pauses_before: int
) -> None:
    user = await world.sign_up()
    pair = await world.log_in()
    sessions, pauses = world.sessions, count()

    async def log_out_in_between() -> None:
        if next(pauses) == pauses_before:
            world.sessions = sessions
            await world.logout(None, pair.refresh)

    world.sessions = PausingSessions(sessions, log_out_in_between)
    try:
        successor = await world.refresh(pair.refresh)
    except TokenRejected:
        assert pauses_before < 3  # later the refresh has been stored, and answers
    else:
        assert await is_dead(world, successor)
    assert await is_dead(world, pair)
    assert next(pauses) > pauses_before
    assert await sessions.of_user(user.id) == []


async def test_a_logout_that_races_refreshes_always_wins(world: World) -> None:
    user = await world.sign_up()
    sessions = world.sessions
    dice = random.Random(21)

    async def pause() -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)

    world.sessions = PausingSessions(sessions, pause)
    outcomes = set()
    for _ in range(200):
        pair = await world.log_in()
        _, *answers = await asyncio.gather(
            world.logout(pair.access, pair.refresh),
            world.refresh(pair.refresh),
            world.refresh(pair.refresh),
            return_exceptions=True,
        )
        assert await sessions.of_user(user.id) == []
        for answer in answers:
            outcomes.add(type(answer))
            if isinstance(answer, TokenPair):
                assert await is_dead(world, answer)

    assert outcomes == {TokenPair, TokenRejected}  # so there were races, and either may be first
