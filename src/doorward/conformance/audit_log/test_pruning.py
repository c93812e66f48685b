"""The contract of AuditLog: pruning from the oldest event on."""

import asyncio

import pytest

from application.pagination import Page
from application.ports import AuditLog
from doorward.conformance.support.audit_log import EVERYTHING, numbers, record_all, recorded
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND, an_event

pytestmark = pytest.mark.asyncio


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
