"""A reset of second factors beside logins, enrolments and removals of the same user."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from domain.actor import Operator, Principal
from domain.authentication import Method
from domain.email import Email
from domain.errors import AuthError, SecondFactorRequired
from domain.request_context import RequestContext
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors
from domain.user import User
from tests.support.builders import PASSWORD
from tests.support.factors import SECRET, enrolled
from tests.support.world import World

ADA = "ada@example.org"
HERE = RequestContext("192.0.2.1", agent="an app")

Step = Callable[[], Awaitable[object]]


class Slow:
    """A store whose calls take a random number of turns of the event loop before and after."""

    def __init__(self, store: object, random: Random) -> None:
        self._store, self._random = store, random

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(call):
            return call

        async def slow(*values: Any, **named: Any) -> Any:
            await self._pass_turns()
            try:
                return await call(*values, **named)
            finally:
                await self._pass_turns()

        return slow

    async def _pass_turns(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


def slow_down(world: World, seed: int) -> None:
    random = Random(seed)
    for name in ("users", "second_factors", "passkeys", "challenges", "sessions"):
        setattr(world, name, Slow(getattr(world, name), random))


def code_of(world: World, secret: bytes = SECRET) -> str:
    return totp.code_at(secret, totp.step_at(world.clock()))


async def an_enrolment(world: World) -> Step:
    await world.sign_up(ADA)
    me = await world.stepped_up(await world.authenticate((await world.log_in(ADA)).access))
    await world.propose_totp(me, HERE)
    factors = await world.second_factors.of_user(me.user.id)
    secret = world.factor_secrets.open(me.user.id, factors.sealed[0])
    assert secret is not None
    return lambda: world.confirm_totp(me, code_of(world, secret), HERE)


async def pending_login(world: World) -> str:
    await enrolled(world, await world.sign_up(ADA))
    with pytest.raises(SecondFactorRequired) as asked:
        await world.login(ADA, PASSWORD, HERE)
    return asked.value.challenge


async def a_login(world: World) -> Step:
    challenge = await pending_login(world)
    return lambda: world.login_with_second_factor(challenge, Method.TOTP, code_of(world), HERE)


async def a_removal(world: World) -> Step:
    challenge = await pending_login(world)
    code = code_of(world)
    done = await world.login_with_second_factor(challenge, Method.TOTP, code, HERE)
    me: Principal = await world.authenticate(done.tokens.access)
    session = await world.renew_session(me.session, me.user, is_step_up=True)
    return lambda: world.remove_totp(Principal(me.user, session), HERE)


@pytest.mark.parametrize("prepare", [an_enrolment, a_login, a_removal])
@pytest.mark.parametrize("seed", range(40))
async def test_a_reset_wins_over_what_is_in_flight(
    world: World, prepare: Callable[[World], Awaitable[Step]], seed: int
) -> None:
    step = await prepare(world)
    ada = await stored(world)
    slow_down(world, seed)

    async def attempt() -> None:
        with suppress(AuthError):
            await step()

    await asyncio.gather(attempt(), world.reset_second_factors(Operator(), ada.id))

    now = await stored(world)
    assert not now.has_second_factor
    assert await world.second_factors.of_user(ada.id) == SecondFactors(ada.id)
    live = await world.sessions.of_user(ada.id)
    assert not [each for each in live if each.is_good_for(now)]
    assert (await world.log_in(ADA)).access


async def stored(world: World) -> User:
    user = await world.users.by_email(Email.parse(ADA))
    assert user is not None
    return user
