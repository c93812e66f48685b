"""Reading the audit log, and forgetting old events."""

from datetime import timedelta

import pytest

from application.audit import PruneAuditLog
from application.audit_log import ListActivity
from application.pagination import EventQuery
from domain.actor import Operator, Principal
from domain.audit.details import EventsPruned
from domain.audit.event import EventType
from tests.support.world import World

EVE = "eve@example.org"


@pytest.fixture
async def eve(world: World) -> Principal:
    await world.sign_up(EVE)
    return await world.authenticate((await world.log_in(EVE)).access)


async def test_users_see_the_events_of_their_own_account_page_by_page(
    world: World, me: Principal, eve: Principal
) -> None:
    activity = ListActivity(world.audit_log)

    first = await activity(me, None, 3)
    second = await activity(me, first.next, 3)

    assert [event.event.type for event in [*first.items, *second.items]] == [
        *[EventType.LOGIN] * 3,
        EventType.REGISTER,
    ]
    assert {event.event.user_id for event in [*first.items, *second.items]} == {me.user.id}
    assert second.next is None
    assert len((await activity(eve, None, 10)).items) == 2


@pytest.mark.usefixtures("me")
async def test_pruning_forgets_older_events_and_is_recorded(world: World) -> None:
    world.clock.advance(timedelta(days=2))

    forgotten = await PruneAuditLog(world.audit, world.clock)(Operator(), timedelta(days=1))

    assert forgotten == 4
    [left] = (await world.audit_log.page(EventQuery(), None, 10)).items
    assert left.event.type is EventType.PRUNE_AUDIT_LOG
    assert left.event.details == EventsPruned((world.clock() - timedelta(days=1)).date(), 4)
    assert left.event.user_id is None
    assert world.events.events[-1].id == left.event.id


async def test_an_export_contains_all_own_events_and_no_others(
    world: World, me: Principal, eve: Principal
) -> None:
    """More than the 1000 events that are read at a time."""
    for _ in range(1001):
        await world.change_profile(me, name="Ada King")
    await world.change_profile(eve, name="Eve King")

    export = await world.export_account(await world.stepped_up(me))

    assert {each.event.user_id for each in export.events} == {me.user.id}
    numbers = [each.number for each in export.events]
    assert len(numbers) == len(set(numbers)) == 1006
