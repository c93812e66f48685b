"""The contract of AuditLog: each event is stored once, as recorded, without gaps."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from application.ports import AuditLog
from domain.audit.details import AccountChanged, OfPasskey, OtherDetails
from domain.audit.event import EventType, RecordedEvent
from domain.audit.reason import REASON_LENGTH
from domain.outcome import Outcome
from domain.permissions import Role
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.passkey import PasskeyId
from domain.session import SessionId
from domain.user import UserId
from doorward.conformance.support.audit_log import EVERYTHING, numbers, record_all, recorded
from doorward.conformance.support.examples import ADA, EVE, HERE, NOW, SECOND, an_event, new_id
from doorward.conformance.support.opening import open_audit_log

pytestmark = pytest.mark.asyncio


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
    "a reason": an_event(actor=EVE, reason="reason: Zoë; reason: 李"),
    "the longest details with the longest reason": an_event(
        type=EventType.REMOVE_PASSKEY,
        actor=EVE,
        details=OfPasskey(PasskeyId("d" * 64)),
        reason="r" * REASON_LENGTH,
    ),
    "the longest request id": an_event(caller=RequestContext("192.0.2.1", "r" * 64)),
    "IPv6": an_event(caller=RequestContext("2001:0db8:0000:0000:0000:ffff:192.168.100.228", "r")),
    "an address without a request": an_event(caller=RequestContext("192.0.2.1")),
    "a request without an address": an_event(caller=RequestContext("", "request-7")),
    "a whole second": an_event(at=NOW.replace(microsecond=0)),
    "the last microsecond": an_event(at=NOW.replace(microsecond=999_999)),
    "long ago": an_event(at=NOW.replace(year=1971)),
}


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
