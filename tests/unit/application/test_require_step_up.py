"""Sensitive steps need a recent step-up, by the strongest method that the user has."""

from dataclasses import replace

import pytest

from domain.actor import Operator, Principal
from domain.authentication import Method
from domain.errors import StepUpRequired, TokenRejected, WrongPassword
from domain.passwords.password import Password
from domain.request_context import UNKNOWN
from domain.session import STEP_UP_LIFETIME
from domain.user import NO_PASSWORD
from tests.support.builders import PASSWORD
from tests.support.factors import enrolled, stepped_up
from tests.support.social_login import without_password
from tests.support.world import World

RIGHT, WRONG = Password.parse(PASSWORD), Password.parse("another password")


async def with_factor(world: World, me: Principal) -> Principal:
    user = await enrolled(world, me.user)
    return Principal(user, await world.renew_session(me.session, user))


async def refusal(world: World, me: Principal, password: Password | None = None) -> list[Method]:
    with pytest.raises(StepUpRequired) as refused:
        await world.require_step_up(me, UNKNOWN, password)
    return list(refused.value.methods)


async def test_a_login_is_no_step_up(world: World, me: Principal) -> None:
    assert await refusal(world, me) == [Method.PASSWORD]
    with pytest.raises(StepUpRequired):
        await world.require_step_up.of_actor(me, UNKNOWN)


async def test_a_step_up_counts_for_ten_minutes(world: World, me: Principal) -> None:
    me = await stepped_up(world, me)

    assert await world.require_step_up(me, UNKNOWN) == me
    await world.require_step_up.of_actor(me, UNKNOWN)
    await world.require_step_up.of_actor(Operator(), UNKNOWN)

    world.clock.advance(STEP_UP_LIFETIME)
    assert await refusal(world, me) == [Method.PASSWORD]


async def test_a_password_counts_for_one_call(world: World, me: Principal) -> None:
    assert await world.require_step_up(me, UNKNOWN, RIGHT) == me
    assert await refusal(world, me) == [Method.PASSWORD]


async def test_a_wrong_password_is_refused_even_after_a_step_up(
    world: World, me: Principal
) -> None:
    with pytest.raises(WrongPassword):
        await world.require_step_up(me, UNKNOWN, WRONG)
    me = await stepped_up(world, me)

    with pytest.raises(WrongPassword):
        await world.require_step_up(me, UNKNOWN, WRONG)


async def test_a_password_is_not_enough_for_a_user_with_a_factor(
    world: World, me: Principal
) -> None:
    me = await with_factor(world, me)

    assert await refusal(world, me, RIGHT) == [Method.TOTP, Method.RECOVERY_CODE]

    me = await stepped_up(world, me)
    assert await world.require_step_up(me, UNKNOWN, RIGHT) == me


async def test_a_user_with_a_linked_account_alone_steps_up_by_that(
    world: World, me: Principal
) -> None:
    me = await without_password(world, me)

    assert await refusal(world, me) == [Method.FEDERATED]
    assert await refusal(world, me, RIGHT) == [Method.FEDERATED]


async def test_a_user_without_any_method_can_make_no_sensitive_step(
    world: World, me: Principal
) -> None:
    await world.change(me.user, password_hash=NO_PASSWORD)

    assert await refusal(world, me) == []


async def test_a_session_that_has_ended_is_refused(world: World, me: Principal) -> None:
    me = await stepped_up(world, me)
    await world.change(me.user, generation=me.user.generation + 1)

    with pytest.raises(TokenRejected):
        await world.require_step_up(replace(me), UNKNOWN)
