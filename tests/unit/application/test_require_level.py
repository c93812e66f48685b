"""A service may demand a session of level 2."""

from dataclasses import replace

import pytest

from domain.actor import Principal
from domain.authentication import Level, Method
from domain.errors import LevelTooLow
from tests.support.factors import enrolled
from tests.support.world import World


async def test_a_session_of_level_one_is_no_session_of_level_two(
    world: World, me: Principal
) -> None:
    await world.require_level(me, Level.ONE)

    with pytest.raises(LevelTooLow) as refused:
        await world.require_level(me, Level.TWO)

    assert refused.value.methods == []


async def test_a_refusal_names_the_factors_that_raise_the_level(
    world: World, me: Principal
) -> None:
    user = await enrolled(world, me.user)

    with pytest.raises(LevelTooLow) as refused:
        await world.require_level(replace(me, user=user), Level.TWO)

    assert refused.value.methods == [Method.TOTP, Method.RECOVERY_CODE]


async def test_a_session_of_level_two_is_good_for_both_levels(world: World, me: Principal) -> None:
    session = replace(me.session, methods=frozenset({Method.PASSKEY}))

    for level in Level:
        await world.require_level(replace(me, session=session), level)
