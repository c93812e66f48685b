"""The contract of AuditLog: events are counted in the order of their numbers."""

import asyncio
from datetime import datetime, timedelta

import pytest

from application.ports import AuditLog
from domain.audit.event import EventType
from domain.figures import HOUR, Tally, hour_of
from domain.outcome import Outcome
from doorward.conformance.support.audit_log import record_all
from doorward.conformance.support.examples import ADA, MICROSECOND, NOW, SECOND, an_event

pytestmark = pytest.mark.asyncio

THEN = hour_of(NOW)
LOGIN, REGISTRATION = EventType.LOGIN, EventType.REGISTER
SUCCESS, REFUSED = Outcome.SUCCESS, Outcome.INVALID_CREDENTIALS


async def test_events_are_counted_by_hour_type_and_outcome(audit_log: AuditLog) -> None:
    events = [
        an_event(at=THEN + HOUR),
        an_event(at=THEN, type=REGISTRATION, user_id=ADA),
        an_event(at=THEN, outcome=REFUSED),
        an_event(at=THEN),
        an_event(at=THEN + HOUR - MICROSECOND),
    ]
    await record_all(audit_log, events)

    assert await audit_log.tally(0, 100) == Tally(
        5,
        {
            (THEN + HOUR, LOGIN, SUCCESS): 1,
            (THEN, REGISTRATION, SUCCESS): 1,
            (THEN, LOGIN, REFUSED): 1,
            (THEN, LOGIN, SUCCESS): 2,
        },
    )


async def test_a_tally_begins_behind_a_number_and_has_a_limit(audit_log: AuditLog) -> None:
    await record_all(audit_log, [an_event(at=THEN + each * HOUR) for each in range(4)])

    def hours(*numbers: int) -> dict[tuple[datetime, EventType, Outcome], int]:
        return {(THEN + each * HOUR, LOGIN, SUCCESS): 1 for each in numbers}

    assert await audit_log.tally(0, 2) == Tally(2, hours(0, 1))
    assert await audit_log.tally(1, 2) == Tally(3, hours(1, 2))
    assert await audit_log.tally(3, 2) == Tally(4, hours(3))
    assert await audit_log.tally(4, 2) == Tally(4, {})
    assert await audit_log.tally(9, 2) == Tally(9, {})


async def test_an_hour_is_one_of_utc_and_may_be_long_ago(audit_log: AuditLog) -> None:
    times = [THEN - timedelta(days=20_000), THEN - timedelta(days=200), THEN + timedelta(days=200)]
    await record_all(audit_log, [an_event(at=at + 59 * 60 * SECOND) for at in times])

    tally = await audit_log.tally(0, 10)

    assert {hour for hour, _, _ in tally.events} == set(times)


async def test_pruned_events_are_passed_over(audit_log: AuditLog) -> None:
    await record_all(audit_log, [an_event() for _ in range(3)])
    await audit_log.prune(NOW + SECOND)
    await record_all(audit_log, [an_event() for _ in range(2)])

    for number, left in ((0, 2), (2, 2), (3, 2), (4, 1)):
        tally = await audit_log.tally(number, 100)
        assert (tally.through, tally.size) == (5, left)


async def test_no_event_is_recorded_before_one_that_was_counted(audit_log: AuditLog) -> None:
    recording = asyncio.gather(*(audit_log.record(an_event()) for _ in range(200)))
    counted, through = 0, 0
    while through < 200:
        tally = await audit_log.tally(through, 7)
        counted, through = counted + tally.size, tally.through
        await asyncio.sleep(0)

    await recording
    assert counted == 200
