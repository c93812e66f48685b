"""An audit log in this process's memory."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from itertools import islice

from application.pagination import EventQuery, Page
from application.ports import NO_EFFECTS, AuditLog, AuditLogState, Effects, Stored
from domain.audit.event import Event, RecordedEvent
from domain.figures import Tally, hour_of
from domain.request_context import RequestContext
from domain.user import UserId
from infrastructure.storage import page_cursor as cursor


class MemoryAuditLog(AuditLog):
    """
    :param max_events: of more events, the oldest are dropped.
    """

    def __init__(self, max_events: int = 100_000) -> None:
        self._max_events = max_events
        self._events: dict[str, RecordedEvent] = {}  # by id, in the order of their numbers
        self._last_number = 0

    async def record(self, event: Event) -> None:
        if event.id in self._events:
            return
        self._last_number += 1
        caller = RequestContext(event.caller.address, event.caller.request_id)
        self._events[event.id] = RecordedEvent(self._last_number, replace(event, caller=caller))
        if len(self._events) > self._max_events:
            del self._events[next(iter(self._events))]

    async def flush(self) -> None:
        """Memory keeps no event for later."""

    async def page(self, query: EventQuery, after: str | None, limit: int) -> Page[RecordedEvent]:
        below = self._last_number + 1
        if after is not None:
            [below] = cursor.read(after, "number", cursor.number)

        matching = (
            each
            for each in reversed(self._events.values())
            if each.number < below and _matches(each.event, query)
        )
        found = list(islice(matching, limit + 1))
        following = None
        if len(found) > limit:
            following = cursor.write("number", found[limit - 1].number)

        return Page(found[:limit], following)

    async def tally(self, after: int, limit: int) -> Tally:
        pruned = self._last_number - len(self._events)
        later = islice(self._events.values(), max(after - pruned, 0), None)
        part = list(islice(later, limit))
        kinds = (
            (hour_of(event.at), event.type, event.outcome)
            for event in (each.event for each in part)
        )
        return Tally(part[-1].number if part else after, Counter(kinds))

    async def get(self, number: int) -> RecordedEvent | None:
        return next((each for each in self._events.values() if each.number == number), None)

    async def state(self, numbers: Collection[int] = ()) -> AuditLogState:  # noqa: ARG002 - no chain
        if not self._events:
            return AuditLogState(self._last_number + 1, self._last_number)
        first = next(iter(self._events.values()))
        last = next(reversed(self._events.values()))
        return AuditLogState(first.number, last.number, first.event.at, last.event.at)

    async def forget_addresses(self, user_id: UserId) -> None:
        for event_id, recorded in self._events.items():
            event = recorded.event.without_address_of(user_id)
            self._events[event_id] = replace(recorded, event=event)

    async def prune(self, before: datetime, effects: Effects = NO_EFFECTS) -> Stored[int]:
        forgotten = through = 0
        for event_id, recorded in list(self._events.items()):
            if recorded.event.at >= before:
                break
            del self._events[event_id]
            forgotten, through = forgotten + 1, recorded.number
        if forgotten:
            for event in effects.events:
                await self.record(event.pruning_through(through))
        return Stored(forgotten, effects_stored=forgotten > 0)


def _matches(event: Event, query: EventQuery) -> bool:
    return (
        query.user_id in {None, event.user_id}
        and query.actor_id in {None, event.actor_id}
        and query.type in {None, event.type}
        and query.outcome in {None, event.outcome}
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
    )
