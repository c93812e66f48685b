"""The contract of AuditLog: the events after a number, as they are counted."""

import asyncio

import pytest

from application.ports import AuditLog
from domain.audit.event import EventType
from domain.figures import Occurrence
from domain.outcome import Outcome
from doorward.conformance.support.audit_log import record_all
from doorward.conformance.support.examples import ADA, NOW, SECOND, an_event

pytestmark = pytest.mark.asyncio


async def test_events_follow_in_the_order_of_their_numbers(audit_log: AuditLog) -> None:
    events = [
        an_event(at=NOW + SECOND),
        an_event(type=EventType.REGISTER, user_id=ADA),
        an_event(outcome=Outcome.INVALID_CREDENTIALS),
        an_event(),
    ]
    await record_all(audit_log, events)
    expected = [
        Occurrence(number, each.type, each.outcome, each.at)
        for number, each in enumerate(events, 1)
    ]

    assert await audit_log.after(0, 100) == expected
    assert await audit_log.after(0, 2) == expected[:2]
    assert await audit_log.after(1, 2) == expected[1:3]
    assert await audit_log.after(4, 100) == []
    assert await audit_log.after(9, 100) == []


async def test_pruned_events_are_passed_over(audit_log: AuditLog) -> None:
    await record_all(audit_log, [an_event() for _ in range(3)])
    await audit_log.prune(NOW + SECOND)
    await record_all(audit_log, [an_event() for _ in range(2)])

    for number in (0, 2, 3):
        assert [each.number for each in await audit_log.after(number, 100)] == [4, 5]
    assert [each.number for each in await audit_log.after(4, 100)] == [5]


async def test_no_event_is_recorded_before_one_that_was_read(audit_log: AuditLog) -> None:
    recording = asyncio.gather(*(audit_log.record(an_event()) for _ in range(200)))
    read: list[int] = []
    while len(read) < 200:
        last = read[-1] if read else 0
        read += [each.number for each in await audit_log.after(last, 7)]
        await asyncio.sleep(0)

    await recording
    assert read == list(range(1, 201))
