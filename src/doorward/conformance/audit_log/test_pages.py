"""The contract of AuditLog: pages, filters and cursors."""

import asyncio
from functools import partial
from itertools import product
from uuid import uuid4

import pytest

from application.pagination import EventQuery, Page
from application.ports import AuditLog
from domain.audit.event import Event, EventType
from domain.outcome import Outcome
from domain.user import UserId
from doorward.conformance.support.audit_log import EVERYTHING, record_all, recorded
from doorward.conformance.support.examples import ADA, EVE, MICROSECOND, NOW, SECOND, an_event
from doorward.conformance.support.paging import NO_CURSORS, assert_no_cursor, pages_of

pytestmark = pytest.mark.asyncio


async def test_the_list_of_an_empty_log_is_one_empty_page(audit_log: AuditLog) -> None:
    assert await audit_log.page(EVERYTHING, None, 10) == Page([])


TIMES = [NOW - SECOND, NOW - MICROSECOND, NOW, NOW + MICROSECOND]


def all_kinds() -> list[Event]:
    types, outcomes = (
        (EventType.LOGIN, EventType.LOGOUT),
        (Outcome.SUCCESS, Outcome.WRONG_PASSWORD),
    )
    return [
        an_event(type=event_type, outcome=outcome, user_id=user_id, at=at)
        for event_type, outcome, user_id, at in product(types, outcomes, (ADA, EVE, None), TIMES)
    ]


QUERIES = {
    "everything": (EVERYTHING, 48),
    "a user": (EventQuery(user_id=ADA), 16),
    "a type": (EventQuery(type=EventType.LOGOUT), 24),
    "an outcome": (EventQuery(outcome=Outcome.SUCCESS), 24),
    "since a time": (EventQuery(since=NOW), 24),
    "until a time": (EventQuery(until=NOW), 24),
    "a span": (EventQuery(since=NOW - MICROSECOND, until=NOW + MICROSECOND), 24),
    "one moment": (EventQuery(since=NOW, until=NOW + MICROSECOND), 12),
    "an empty span": (EventQuery(since=NOW, until=NOW), 0),
    "all filters": (
        EventQuery(ADA, EventType.LOGIN, Outcome.SUCCESS, NOW - MICROSECOND, NOW + MICROSECOND),
        2,
    ),
    "an administrator who acted": (EventQuery(actor_id=ADA), 0),
    "a user and a type": (EventQuery(user_id=EVE, type=EventType.LOGIN), 8),
    "an unknown user": (EventQuery(user_id=UserId(uuid4())), 0),
    "another type": (EventQuery(type=EventType.CHANGE_USER), 0),
    "another outcome": (EventQuery(outcome=Outcome.INVALID_CREDENTIALS), 0),
    "a type of another release": (EventQuery(type=EventType.UNKNOWN), 0),
    "an outcome of another release": (EventQuery(outcome=Outcome.UNKNOWN), 0),
}


def is_match(event: Event, query: EventQuery) -> bool:
    return (
        query.user_id in {None, event.user_id}
        and query.actor_id in {None, event.actor_id}
        and query.type in {None, event.type}
        and query.outcome in {None, event.outcome}
        and (query.since or event.at) <= event.at
        and not (query.until and query.until <= event.at)
    )


async def test_pages_of_every_size_list_each_match_once_newest_first(
    audit_log: AuditLog,
) -> None:
    events = all_kinds()
    await asyncio.gather(*map(audit_log.record, events))

    for name, (query, number) in QUERIES.items():
        expected = [event for event in reversed(events) if is_match(event, query)]
        assert len(expected) == number
        for size in (2, 5, max(1, number - 1), number or 1, 100):
            page = partial(audit_log.page, query, limit=size)
            pages = await pages_of(page)
            starts = range(0, number or 1, size)
            assert [[each.event for each in page] for page in pages] == [
                expected[start : start + size] for start in starts
            ], name


async def test_acts_of_an_administrator_are_about_the_changed_user(audit_log: AuditLog) -> None:
    event = an_event(user_id=ADA, actor=EVE)
    await audit_log.record(event)

    assert await recorded(audit_log, EventQuery(user_id=ADA)) == [event]
    assert await recorded(audit_log, EventQuery(user_id=EVE)) == []
    assert await recorded(audit_log, EventQuery(actor_id=EVE)) == [event]
    assert await recorded(audit_log, EventQuery(actor_id=ADA)) == []


async def test_an_event_recorded_between_two_pages_is_on_neither(audit_log: AuditLog) -> None:
    events = [an_event() for _ in range(6)]
    await record_all(audit_log, events)
    first = await audit_log.page(EVERYTHING, None, 2)

    await audit_log.record(an_event())
    second = await audit_log.page(EVERYTHING, first.next, 100)

    assert [each.number for each in (*first.items, *second.items)] == [6, 5, 4, 3, 2, 1]


async def test_events_pruned_between_two_pages_are_missing_and_no_others(
    audit_log: AuditLog,
) -> None:
    await record_all(audit_log, [an_event(at=NOW + age * SECOND) for age in range(6)])
    first = await audit_log.page(EVERYTHING, None, 2)

    await audit_log.prune(NOW + 2 * SECOND)
    second = await audit_log.page(EVERYTHING, first.next, 100)

    assert [each.number for each in second.items] == [4, 3]
    await audit_log.prune(NOW + 5 * SECOND)
    assert await audit_log.page(EVERYTHING, first.next, 100) == Page([])


async def test_a_cursor_that_no_page_returned_is_refused(audit_log: AuditLog) -> None:
    for after in NO_CURSORS:
        await assert_no_cursor(audit_log.page(EVERYTHING, after, 10))
