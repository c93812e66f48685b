"""The conformance tests of the audit log, on each built-in log, and tests of its technology."""

from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.pagination import EventQuery
from application.ports import AuditLog
from domain.errors import InvalidInput
from doorward.conformance.audit_log.test_forgetting import *  # noqa: F403
from doorward.conformance.audit_log.test_pages import *  # noqa: F403
from doorward.conformance.audit_log.test_pruning import *  # noqa: F403
from doorward.conformance.audit_log.test_recording import *  # noqa: F403
from doorward.conformance.audit_log.test_state import *  # noqa: F403
from doorward.conformance.audit_log.test_tallies import *  # noqa: F403
from doorward.conformance.support.audit_log import EVERYTHING, numbers, record_all, recorded
from doorward.conformance.support.examples import NOW, SECOND, an_event
from doorward.conformance.support.paging import assert_no_cursor, pages_of
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.sql.audit import audit_log as sql_audit_log
from tests.support.cursors import forgeries

# All examples share one log: an example finds the events of those before it.
same_log = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def test_events_before_a_time_are_found_behind_any_number_of_newer_ones(
    audit_log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In SQL, the newer ones are skipped in steps."""
    monkeypatch.setattr(sql_audit_log, "_SKIPPED", 3)
    times = (0, 1, 9, 2, 9, 9, 9, 9, 9, 9, 9, 3, 9, 9, 9, 9, 9, 9)
    await record_all(audit_log, [an_event(at=NOW + time * SECOND) for time in times])
    before = EventQuery(until=NOW + 5 * SECOND)

    for size in (1, 2, 3, 100):
        pages = await pages_of(partial(audit_log.page, before, limit=size))
        assert [each.number for page in pages for each in page] == [12, 4, 2, 1]
    await audit_log.prune(NOW + 1 * SECOND)
    pages = await pages_of(partial(audit_log.page, before, limit=2))
    assert [each.number for page in pages for each in page] == [12, 4, 2]


async def test_a_forged_cursor_that_is_no_number_is_refused(audit_log: AuditLog) -> None:
    for text in ("", "-1", "1.5", "٣", "9" * 50):
        for after in await forgeries_of(audit_log, text):
            await assert_no_cursor(audit_log.page(EVERYTHING, after, 10))


async def forgeries_of(log: AuditLog, text: str) -> list[str]:
    await record_all(log, [an_event(), an_event()])
    first = await log.page(EVERYTHING, None, 1)
    assert first.next is not None
    return forgeries(first.next, text)


@same_log
@given(text=st.text() | st.integers().map(str) | st.integers(2**62, 2**64).map(str))
async def test_any_forged_cursor_is_refused_or_valid(audit_log: AuditLog, text: str) -> None:
    for after in await forgeries_of(audit_log, text):
        with suppress(InvalidInput):  # no other error
            await audit_log.page(EVERYTHING, after, 10)


async def test_the_log_in_memory_keeps_at_most_its_maximum_of_events() -> None:
    log = MemoryAuditLog(max_events=3)
    events = [an_event() for _ in range(5)]

    await record_all(log, events)

    assert await recorded(log) == events[2:]
    assert await numbers(log) == [3, 4, 5]
