"""The contract of AuditLog: single events, and the ends of the log."""

import pytest

from application.ports import AuditLog
from doorward.conformance.support.audit_log import record_all
from doorward.conformance.support.examples import NOW, SECOND, an_event

pytestmark = pytest.mark.asyncio


async def test_an_event_is_found_by_its_number(audit_log: AuditLog) -> None:
    events = [an_event() for _ in range(3)]
    await record_all(audit_log, events)

    found = await audit_log.get(2)

    assert found is not None
    assert (found.number, found.event) == (2, events[1])
    for unknown in (-1, 0, 4, 2**63 - 1, 10**30):
        assert await audit_log.get(unknown) is None


async def test_a_pruned_event_is_not_found(audit_log: AuditLog) -> None:
    await record_all(audit_log, [an_event(), an_event(at=NOW + SECOND)])

    await audit_log.prune(NOW + SECOND)

    assert await audit_log.get(1) is None
    assert await audit_log.get(2) is not None


async def test_the_state_has_the_ends_of_the_log(audit_log: AuditLog) -> None:
    empty = await audit_log.state()
    await record_all(audit_log, [an_event(at=NOW + age * SECOND) for age in range(4)])
    full = await audit_log.state([1, 2, 3, 4])
    await audit_log.prune(NOW + 2 * SECOND)
    pruned = await audit_log.state([1, 2, 3, 4])
    await audit_log.prune(NOW + 9 * SECOND)
    nothing = await audit_log.state([3])

    assert (empty.first, empty.last, empty.since, empty.until) == (1, 0, None, None)
    assert (full.first, full.last) == (1, 4)
    assert (full.since, full.until) == (NOW, NOW + 3 * SECOND)
    assert (pruned.first, pruned.last) == (3, 4)
    assert (pruned.since, pruned.until) == (NOW + 2 * SECOND, NOW + 3 * SECOND)
    assert (nothing.first, nothing.last, nothing.since, nothing.until) == (5, 4, None, None)
    assert not any(each.broken for each in (empty, full, pruned, nothing))
