"""Reading the audit log, and forgetting old events."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.audit import PruneAuditLog
from application.audit_log import (
    ExportAuditLog,
    ListActivity,
    ShowAuditEvent,
    ShowAuditLogState,
)
from application.pagination import EventQuery
from application.rate_limiting import RateLimits
from domain.actor import Operator, Principal
from domain.audit.details import EventsPruned
from domain.audit.event import EventType
from domain.errors import NotFound
from domain.permissions import Role
from domain.rate_limit import RateLimit, TooManyRequests
from doorward.conformance.support.examples import an_event
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


@pytest.mark.usefixtures("me")
async def test_an_event_is_shown_by_its_number(world: World) -> None:
    show = ShowAuditEvent(world.audit_log)

    assert (await show(Operator(), 1)).event.type is EventType.REGISTER
    with pytest.raises(NotFound):
        await show(Operator(), 1000)


@pytest.mark.usefixtures("me")
async def test_the_state_of_the_log_has_its_ends(world: World) -> None:
    state = await ShowAuditLogState(world.audit_log)(Operator(), [1])

    assert (state.first, state.last, list(state.broken)) == (1, 4, [])


async def test_an_export_of_the_log_has_all_that_matches_and_is_recorded(world: World) -> None:
    """More events than are read at a time."""
    for _ in range(1001):
        await world.audit_log.record(an_event())
    await world.audit_log.record(an_event(type=EventType.LOGOUT))

    export = ExportAuditLog(world.audit_log, world.rate_limiting, world.audit)
    pages = [page async for page in await export(Operator(), EventQuery(type=EventType.LOGIN))]

    assert [each.number for page in pages for each in page] == list(range(1001, 0, -1))
    assert max(map(len, pages)) == 200
    last = (await world.audit_log.page(EventQuery(), None, 1)).items[0].event
    assert (last.type, last.actor) == (EventType.EXPORT_AUDIT_LOG, Operator())


async def test_exports_of_the_log_are_limited_for_each_user(world: World, me: Principal) -> None:
    world.limits = RateLimits(change_account=RateLimit("change", 2, timedelta(hours=1)))
    auditor = replace(me, user=replace(me.user, role=Role.AUDITOR))
    export = ExportAuditLog(world.audit_log, world.rate_limiting, world.audit)

    for _ in range(2):
        await export(auditor, EventQuery())
    with pytest.raises(TooManyRequests):
        await export(auditor, EventQuery())

    recorded = EventQuery(type=EventType.EXPORT_AUDIT_LOG)
    assert len((await world.audit_log.page(recorded, None, 10)).items) == 2
