"""What administrators see of one user."""

import pytest

from domain.actor import Operator
from domain.errors import NotFound
from domain.second_factors.factors import LOCK, SecondFactors
from tests.support.builders import SECOND, a_user
from tests.support.social_login import linked
from tests.support.world import World


async def test_the_overview_has_the_sessions_and_factors_of_the_user(world: World) -> None:
    user = await world.sign_up("ada@example.org")
    await world.sign_up("eve@example.org")
    await world.log_in("ada@example.org")

    shown = await world.show_overview(Operator(), user.id)

    assert shown.user == user
    assert [each.session.user_id for each in shown.sessions] == [user.id]
    assert shown.factors.methods == []
    assert shown.locked_until is None
    assert shown.identities == []


async def test_the_overview_has_the_linked_accounts_of_the_user(world: World) -> None:
    user = await world.sign_up()
    identity = await linked(world, user)

    assert (await world.show_overview(Operator(), user.id)).identities == [identity]


async def test_a_lock_of_second_factors_is_shown_until_it_ends(world: World) -> None:
    user = await world.sign_up()
    locked = SecondFactors(user.id, locked_until=world.clock() + LOCK)
    await world.second_factors.replace(SecondFactors(user.id), locked)

    world.clock.advance(LOCK - SECOND)
    assert (await world.show_overview(Operator(), user.id)).locked_until == locked.locked_until
    world.clock.advance(SECOND)
    assert (await world.show_overview(Operator(), user.id)).locked_until is None


async def test_there_is_no_overview_of_an_unknown_user(world: World) -> None:
    with pytest.raises(NotFound):
        await world.show_overview(Operator(), a_user().id)
