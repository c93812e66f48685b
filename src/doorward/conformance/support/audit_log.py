"""Record events and read the whole of an audit log."""

from collections.abc import Sequence

from application.pagination import EventQuery
from application.ports import AuditLog
from domain.audit.event import Event

EVERYTHING = EventQuery()


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
