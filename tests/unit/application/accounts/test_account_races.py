"""Changing one's password while others log in with the old one, or while everything breaks."""

import asyncio
import random
from contextlib import suppress
from itertools import count

import pytest

from application.login.complete import TokenPair
from application.ports import SessionStore
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.actor import Principal
from domain.errors import InvalidCredentials, TokenRejected
from domain.user import User
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD, new_id
from tests.support.doubles import PausingSessions
from tests.support.world import World

ADA = "ada@example.org"
NEW = "a better one than before"


async def test_of_two_changes_at_once_one_succeeds(world: World, me: Principal) -> None:
    world.sessions = PausingSessions(world.sessions, lambda: asyncio.sleep(0))

    outcomes = await asyncio.gather(
        world.change_password(me, PASSWORD, NEW),
        world.change_password(me, PASSWORD, "yet another password"),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "LoggedIn",
        "TokenRejected",
    ]
    await world.login(ADA, "yet another password" if isinstance(outcomes[0], Exception) else NEW)


@pytest.mark.parametrize("pauses_before", range(2))
async def test_a_login_with_the_old_password_does_not_survive_a_change_meanwhile(
    world: World, me: Principal, pauses_before: int
) -> None:
    sessions, pauses = world.sessions, count()

    async def change_in_between() -> None:
        if next(pauses) == pauses_before:
            world.sessions = sessions
            await world.change_password(me, PASSWORD, NEW)

    world.sessions = PausingSessions(sessions, change_in_between)
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)

    assert next(pauses) > pauses_before
    await check_only_the_new_session_is_left(sessions, me)


@pytest.mark.parametrize("pauses_before", range(8))
async def test_a_login_between_the_steps_of_a_change_does_not_survive(
    world: World, me: Principal, pauses_before: int
) -> None:
    sessions, pauses = world.sessions, count()

    async def log_in_in_between() -> None:
        if next(pauses) == pauses_before:
            world.sessions = sessions
            try:
                await world.login(ADA, PASSWORD)
            except InvalidCredentials:
                pass  # the new one has been stored
            finally:
                world.sessions = slow

    world.sessions = slow = PausingSessions(sessions, log_in_in_between)
    await world.change_password(me, PASSWORD, NEW)

    assert next(pauses) > pauses_before
    await check_only_the_new_session_is_left(sessions, me)


async def test_a_change_that_races_logins_and_refreshes_always_wins(world: World) -> None:
    sessions, dice = world.sessions, random.Random(23)

    async def pause() -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)

    async def change_some_time(me: Principal) -> None:
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(0)
        await world.change_password(me, PASSWORD, NEW)

    outcomes = set()
    for _ in range(100):
        email = f"{new_id()}@example.org"
        await world.sign_up(email)
        mine, other = await world.log_in(email), await world.log_in(email)
        me = await world.authenticate(mine.access)
        world.sessions = PausingSessions(sessions, pause)
        changed, *answers = await asyncio.gather(
            change_some_time(me),
            world.login(email, PASSWORD),
            world.refresh(other.refresh),
            world.login(email, PASSWORD),
            return_exceptions=True,
        )
        world.sessions = sessions
        outcomes |= {type(answer).__name__ for answer in answers}
        assert changed is None
        await check_only_the_new_session_is_left(world.sessions, me)

    assert outcomes >= {"LoggedIn", "InvalidCredentials", "TokenPair"}


@pytest.mark.parametrize("steps_before", range(10))
async def test_a_crash_at_any_step_leaves_no_session_of_the_old_password(
    world: World, me: Principal, steps_before: int
) -> None:
    """Not even a login between the steps, while the old password is still valid."""
    sessions, steps = world.sessions, count()
    intruders: list[TokenPair] = []

    async def intrude_and_crash() -> None:
        world.sessions = sessions
        with suppress(InvalidCredentials):
            intruders.append((await world.login(ADA, PASSWORD)).tokens)
        world.sessions = slow
        if next(steps) == steps_before:
            raise ConnectionError

    world.sessions = slow = PausingSessions(sessions, intrude_and_crash)
    with suppress(ConnectionError):
        await world.change_password(me, PASSWORD, NEW)
    world.sessions = sessions

    stored = await world.users.get(me.user.id)
    assert stored is not None
    if stored == me.user:  # it has crashed before the one step
        await world.login(ADA, PASSWORD)
        return
    for tokens in intruders:
        with pytest.raises(TokenRejected):
            await world.authenticate(tokens.access)
        with pytest.raises(TokenRejected):
            await world.refresh(tokens.refresh)
    await world.login(ADA, NEW)


class UsersThatBreak(MemoryUsers):
    """Their process dies before anything can be replaced."""

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        raise ConnectionError(old.id, new.id, effects)


async def test_a_crash_before_the_password_is_stored_changes_nothing(world: World) -> None:
    world.users = UsersThatBreak()
    await world.sign_up(ADA)
    other = await world.log_in(ADA)
    me = await world.authenticate((await world.log_in(ADA)).access)

    with pytest.raises(ConnectionError):
        await world.change_password(me, PASSWORD, NEW)

    await world.authenticate(other.access)
    await world.login(ADA, PASSWORD)


async def check_only_the_new_session_is_left(sessions: SessionStore, me: Principal) -> None:
    [session] = await sessions.of_user(me.user.id)
    assert session.id != me.session.id
    assert session.generation == 1
