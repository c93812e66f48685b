"""The contract of AuditLog."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from uuid import UUID, uuid4

import pytest

from application.pagination import EventQuery, Page
from application.ports import AuditLog
from domain.audit.details import AccountChanged, OtherDetails
from domain.audit.event import Event, EventType, RecordedEvent
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import UNKNOWN, RequestContext
from domain.session import SessionId
from domain.user import UserId
from doorward.conformance.support.examples import (
    ADA,
    EVE,
    HERE,
    MICROSECOND,
    NOW,
    SECOND,
    an_event,
    new_id,
)
from doorward.conformance.support.opening import add_users, open_audit_log, open_users
from doorward.conformance.support.paging import NO_CURSORS, assert_no_cursor, pages_of

pytestmark = pytest.mark.asyncio


EVERYTHING = EventQuery()

EVENTS = {
    "a login": an_event(user_id=ADA, session_id=SessionId(new_id())),
    "only the mandatory attributes": an_event(caller=UNKNOWN),
    "all attributes": an_event(
        type=EventType.CHANGE_USER,
        outcome=Outcome.LAST_ADMINISTRATOR,
        user_id=ADA,
        session_id=SessionId(new_id()),
        actor=EVE,
        details=AccountChanged(Role.ADMIN, disabled=True),
    ),
    "the lowest ids": an_event(
        id="0" * 32, user_id=UserId(UUID(int=0)), session_id=SessionId("0" * 32), caller=UNKNOWN
    ),
    "the highest ids": an_event(
        id="f" * 32,
        user_id=UserId(UUID(int=2**128 - 1)),
        session_id=SessionId("f" * 32),
        caller=UNKNOWN,
    ),
    "the longest words": an_event(details=OtherDetails("d" * 255)),
    "words with signs": an_event(details=OtherDetails("Zoë 李 👩‍💻 %s \\ \"x\" 'y' ;--")),
    "the longest request id": an_event(caller=RequestContext("192.0.2.1", "r" * 64)),
    "IPv6": an_event(caller=RequestContext("2001:0db8:0000:0000:0000:ffff:192.168.100.228", "r")),
    "an address without a request": an_event(caller=RequestContext("192.0.2.1")),
    "a request without an address": an_event(caller=RequestContext("", "request-7")),
    "a whole second": an_event(at=NOW.replace(microsecond=0)),
    "the last microsecond": an_event(at=NOW.replace(microsecond=999_999)),
    "long ago": an_event(at=NOW.replace(year=1971)),
}


async def recorded(log: AuditLog, query: EventQuery = EVERYTHING) -> list[Event]:
    """Return the matching events, the oldest first."""
    page = await log.page(query, None, 10_000)
    assert page.next is None
    return [each.event for each in reversed(page.items)]


async def numbers(log: AuditLog) -> list[int]:
    """Return the numbers of all events, the oldest first."""
    return [each.number for each in reversed((await log.page(EVERYTHING, None, 10_000)).items)]


async def record_all(log: AuditLog, events: Sequence[Event]) -> None:
    for event in events:
        await log.record(event)


async def test_an_event_comes_back_exactly_as_recorded(audit_log: AuditLog) -> None:
    for number, event in enumerate(EVENTS.values(), start=1):
        await audit_log.record(event)

        [last] = (await audit_log.page(EVERYTHING, None, 1)).items

        assert last == RecordedEvent(number, event)
        assert last.event.at.utcoffset() == timedelta()


async def test_of_a_caller_only_the_address_and_the_request_are_kept(audit_log: AuditLog) -> None:
    event = an_event(
        caller=RequestContext("192.0.2.1", "request-7", "a device's token", "curl/8.5.0")
    )

    await audit_log.record(event)

    assert await recorded(audit_log) == [replace(event, caller=HERE)]


async def test_the_list_of_an_empty_log_is_one_empty_page(audit_log: AuditLog) -> None:
    assert await audit_log.page(EVERYTHING, None, 10) == Page([])


async def test_events_are_numbered_as_they_come_and_the_newest_comes_first(
    audit_log: AuditLog,
) -> None:
    events = [an_event(at=NOW + age * SECOND) for age in (0, 2, 1)]  # a clock that is set back

    await record_all(audit_log, events)

    page = await audit_log.page(EVERYTHING, None, 10)
    assert page.items == [
        RecordedEvent(3, events[2]),
        RecordedEvent(2, events[1]),
        RecordedEvent(1, events[0]),
    ]


async def test_an_event_that_is_recorded_twice_is_stored_once(audit_log: AuditLog) -> None:
    twice, other = an_event(), an_event()

    await record_all(audit_log, [twice, other, twice])

    assert await recorded(audit_log) == [twice, other]


async def test_an_event_that_is_recorded_twice_concurrently_is_stored_once(
    audit_log: AuditLog,
) -> None:
    event = an_event()

    await asyncio.gather(audit_log.record(event), audit_log.record(event))

    assert await recorded(audit_log) == [event]


async def test_an_event_that_is_recorded_again_prevents_no_other_record(
    audit_log: AuditLog,
) -> None:
    twice, other, third = an_event(), an_event(), an_event()
    await audit_log.record(twice)

    await asyncio.gather(*map(audit_log.record, [other, twice, third]))

    assert await recorded(audit_log) == [twice, other, third]


async def test_a_repeated_event_leaves_no_gap_in_the_numbers(
    audit_log: AuditLog,
) -> None:
    event = an_event()

    await record_all(audit_log, [event, event, an_event()])

    assert await numbers(audit_log) == [1, 2]


async def test_an_event_that_cannot_be_stored_prevents_no_other_record(
    audit_log: AuditLog,
) -> None:
    events = [an_event() for _ in range(4)]
    impossible = an_event(details=OtherDetails("\x00"))  # in some databases

    await asyncio.gather(*map(audit_log.record, [*events[:2], impossible, *events[2:]]))

    assert [event for event in await recorded(audit_log) if event != impossible] == events


async def test_concurrent_events_get_distinct_numbers_without_gaps(audit_log: AuditLog) -> None:
    events = [an_event() for _ in range(50)]

    await asyncio.gather(*map(audit_log.record, events))

    assert await recorded(audit_log) == events
    assert await numbers(audit_log) == list(range(1, 51))


async def test_concurrent_events_of_processes_get_distinct_numbers(audit_log_url: str) -> None:
    mine, yours = ([an_event() for _ in range(25)] for _ in range(2))
    async with open_audit_log(audit_log_url) as one, open_audit_log(audit_log_url) as other:
        await asyncio.gather(record_all(one, mine), record_all(other, yours))

        events = await recorded(one)
        assert [event for event in events if event in mine] == mine
        assert [event for event in events if event in yours] == yours
        assert await numbers(other) == list(range(1, 51))


async def test_recorded_events_outlive_the_process(audit_log_url: str) -> None:
    first, second = an_event(), an_event()
    async with open_audit_log(audit_log_url) as log:
        await log.record(first)

    async with open_audit_log(audit_log_url) as log:
        await log.record(second)

        assert await recorded(log) == [first, second]
        assert await numbers(log) == [1, 2]


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


async def test_forgetting_a_user_deletes_the_addresses_of_their_events(
    audit_log: AuditLog,
) -> None:
    own = an_event(user_id=ADA, session_id=SessionId(new_id()))
    done_to_eve = an_event(
        type=EventType.CHANGE_USER,
        user_id=EVE,
        actor=ADA,
        details=AccountChanged(disabled=True),
    )
    done_without_a_user = an_event(actor=ADA)
    done_to_herself = an_event(user_id=ADA, actor=ADA)
    events = [own, done_to_eve, done_without_a_user, done_to_herself]
    await record_all(audit_log, events)

    await audit_log.forget_addresses(ADA)

    nowhere = RequestContext("", HERE.request_id)
    assert await recorded(audit_log) == [replace(event, caller=nowhere) for event in events]
    assert await numbers(audit_log) == [1, 2, 3, 4]


async def test_no_address_is_kept_of_a_pending_refusal(audit_log: AuditLog) -> None:
    refusal = an_event(outcome=Outcome.WRONG_PASSWORD, user_id=ADA)
    await audit_log.record(refusal)

    await audit_log.forget_addresses(ADA)

    nowhere = RequestContext("", HERE.request_id)
    assert await recorded(audit_log) == [replace(refusal, caller=nowhere)]


async def test_the_addresses_of_other_users_stay(audit_log: AuditLog) -> None:
    done_by_eve = an_event(user_id=ADA, actor=EVE)
    events = [done_by_eve, an_event(user_id=EVE), an_event(), an_event(user_id=EVE, actor=EVE)]
    await record_all(audit_log, events)

    await audit_log.forget_addresses(ADA)

    assert await recorded(audit_log) == events


async def test_addresses_can_be_forgotten_repeatedly_and_where_there_are_none(
    audit_log: AuditLog,
) -> None:
    event = an_event(user_id=ADA, caller=UNKNOWN)
    await audit_log.forget_addresses(ADA)
    await record_all(audit_log, [event, an_event(user_id=ADA)])

    await audit_log.forget_addresses(ADA)
    await audit_log.forget_addresses(ADA)

    assert [each.caller.address for each in await recorded(audit_log)] == ["", ""]


async def test_later_events_of_a_user_have_their_address(audit_log: AuditLog) -> None:
    later = an_event(user_id=ADA)
    await audit_log.record(an_event(user_id=ADA))
    await audit_log.forget_addresses(ADA)

    await audit_log.record(later)

    assert (await recorded(audit_log))[-1] == later


async def test_an_event_without_its_address_is_found_and_repeating_it_restores_nothing(
    audit_log: AuditLog,
) -> None:
    events = [an_event(user_id=ADA, type=EventType.LOGOUT), an_event(user_id=EVE)]
    await record_all(audit_log, events)

    await audit_log.forget_addresses(ADA)
    await audit_log.record(events[0])

    [found] = await recorded(audit_log, EventQuery(user_id=ADA, type=EventType.LOGOUT))
    assert (found.id, found.caller.address) == (events[0].id, "")


async def test_pruning_stops_at_the_first_event_that_is_not_before_the_time(
    audit_log: AuditLog,
) -> None:
    events = [an_event(at=NOW + age * SECOND) for age in (0, 1, 5, 2, 6)]
    await record_all(audit_log, events)

    assert (await audit_log.prune(NOW + 3 * SECOND)).changed == 2

    assert await recorded(audit_log) == events[2:]
    assert await numbers(audit_log) == [3, 4, 5]


async def test_pruning_keeps_an_event_of_exactly_the_time(audit_log: AuditLog) -> None:
    before, then = an_event(at=NOW - MICROSECOND), an_event(at=NOW)
    await record_all(audit_log, [before, then])

    assert (await audit_log.prune(NOW)).changed == 1
    assert (await audit_log.prune(NOW)).changed == 0

    assert await recorded(audit_log) == [then]


async def test_pruning_an_empty_log_changes_nothing(audit_log: AuditLog) -> None:
    assert (await audit_log.prune(NOW)).changed == 0
    assert await audit_log.page(EVERYTHING, None, 10) == Page([])


async def test_the_numbers_continue_after_everything_was_pruned(audit_log: AuditLog) -> None:
    await record_all(audit_log, [an_event() for _ in range(3)])

    assert (await audit_log.prune(NOW + SECOND)).changed == 3
    assert await numbers(audit_log) == []

    await record_all(audit_log, [an_event() for _ in range(2)])
    assert await numbers(audit_log) == [4, 5]
    assert (await audit_log.prune(NOW + SECOND)).changed == 2


async def test_thousands_of_events_are_pruned_in_one_call(audit_log: AuditLog) -> None:
    await asyncio.gather(*(audit_log.record(an_event()) for _ in range(2500)))
    left = an_event(at=NOW + SECOND)
    await audit_log.record(left)

    assert (await audit_log.prune(NOW + SECOND)).changed == 2500

    assert await recorded(audit_log) == [left]
    assert await numbers(audit_log) == [2501]


async def test_concurrent_prunings_count_each_event_once(audit_log: AuditLog) -> None:
    await asyncio.gather(*(audit_log.record(an_event()) for _ in range(50)))

    counted = await asyncio.gather(*(audit_log.prune(NOW + SECOND) for _ in range(4)))

    assert sum(each.changed for each in counted) == 50


async def test_events_recorded_during_pruning_are_kept(audit_log: AuditLog) -> None:
    await record_all(audit_log, [an_event() for _ in range(20)])
    late = [an_event(at=NOW + SECOND) for _ in range(20)]

    await asyncio.gather(
        *(step for event in late for step in (audit_log.record(event), audit_log.prune(NOW))),
        audit_log.prune(NOW + SECOND),
    )

    assert await recorded(audit_log) == late
    assert await numbers(audit_log) == list(range(21, 41))


async def test_a_late_event_of_a_deleted_user_has_no_address(audit_log_url: str) -> None:
    await add_users(audit_log_url, ADA)
    here, late = an_event(user_id=ADA), an_event(outcome=Outcome.INVALID_CREDENTIALS, user_id=ADA)
    done_to_her = an_event(user_id=ADA, actor=EVE)
    async with open_audit_log(audit_log_url) as log:
        await log.record(here)
        async with open_users(audit_log_url) as users:
            await users.delete(ADA)

        await record_all(log, [late, done_to_her])

        nowhere = RequestContext("", HERE.request_id)
        assert await recorded(log) == [
            here,
            replace(late, caller=nowhere),
            replace(done_to_her, caller=nowhere),  # Eve is not stored either
        ]


async def test_thousands_of_addresses_are_forgotten_in_one_call(audit_log: AuditLog) -> None:
    await asyncio.gather(*(audit_log.record(an_event(user_id=ADA)) for _ in range(2500)))

    await audit_log.forget_addresses(ADA)

    assert {event.caller.address for event in await recorded(audit_log)} == {""}
