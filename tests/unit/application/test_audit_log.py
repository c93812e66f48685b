"""Reading the audit log, and forgetting old events."""

from datetime import timedelta

import pytest

from application.audit import PruneAuditLog
from application.audit_log import ListActivity
from application.pagination import EventQuery
from domain.actor import Operator, Principal
from domain.audit.details import EventsPruned
from domain.audit.event import EventType
from tests.support.builders import World

EVE = "eve@example.org"


@pytest.fixture
async def eve(house: World) -> Principal:
    await house.sign_up(EVE)
    return await house.authenticate((await house.come_in(EVE)).access)


async def test_users_see_the_events_of_their_own_account_page_by_page(
    house: World, me: Principal, eve: Principal
) -> None:
    activity = ListActivity(house.audit_log)

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
async def test_pruning_forgets_older_events_and_is_recorded(house: World) -> None:
    house.clock.advance(timedelta(days=2))

    forgotten = await PruneAuditLog(house.audit, house.clock)(Operator(), timedelta(days=1))

    assert forgotten == 4
    [left] = (await house.audit_log.page(EventQuery(), None, 10)).items
    assert left.event.type is EventType.PRUNE_AUDIT_LOG
    assert left.event.details == EventsPruned((house.clock() - timedelta(days=1)).date(), 4)
    assert left.event.user_id is None
    assert house.events.events[-1].id == left.event.id


async def test_an_export_contains_all_own_events_and_no_others(
    house: World, me: Principal, eve: Principal
) -> None:
    """More than the 1000 events that are read at a time."""
    for _ in range(1001):
        await house.change_profile(me, name="Ada King")
    await house.change_profile(eve, name="Eve King")

    export = await house.export_account(me)

    assert {each.event.user_id for each in export.events} == {me.user.id}
    numbers = [each.number for each in export.events]
    assert len(numbers) == len(set(numbers)) == 1005
