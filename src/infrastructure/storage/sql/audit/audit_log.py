"""The audit log in PostgreSQL or SQLite: rows that are only added, chained by their digests.

An event that comes with a change in this database is appended by the store that makes the change,
in the same transaction (``Rows.change``). All others are appended here;
those that come at the same time share a transaction, for there is only one end of the chain.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from application.pagination import EventQuery, Page
from application.ports import NO_EFFECTS, AuditLog, AuditLogState, Effects, Stored
from domain.audit.event import Event, EventType, RecordedEvent
from domain.errors import Unavailable
from domain.figures import Tally
from domain.outcome import Outcome
from domain.user import UserId
from infrastructure.storage import page_cursor as cursor
from infrastructure.storage.sql.audit.append import append, append_new
from infrastructure.storage.sql.audit.chain import ROLE
from infrastructure.storage.sql.audit.prune import last_before, prune_batch
from infrastructure.storage.sql.audit.rows import event_of, matching
from infrastructure.storage.sql.audit.state import read_state
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.hours import beginning_of, hour_of
from infrastructure.storage.sql.tables import audit_events

log = structlog.stdlib.get_logger("doorward")

_MANY = 1000
_LARGEST = 2**63 - 1
_SKIPPED = 200_000
"""Rows that one statement may read to find those before a time."""
_MOST_WAITING = 10_000
"""Events that are kept while the database does not answer. The service's own log has all."""


@dataclass
class _Batch:
    """Events that are appended together."""

    events: dict[str, Event] = field(default_factory=dict)  # by id
    is_over: asyncio.Event = field(default_factory=asyncio.Event)


class SqlAuditLog(AuditLog):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._next = _Batch()
        self._writing: asyncio.Task[None] | None = None
        self._is_behind = False

    async def record(self, event: Event) -> None:
        batch = self._next
        if len(batch.events) >= _MOST_WAITING:
            log.error("audit_buffer_full", event_id=event.id, consequence="event dropped")
            return
        batch.events[event.id] = event
        self._start_writing()
        # A refusal must take as long as one that is not recorded, and tell the client nothing.
        # During an outage the time would be unknown.
        if event.outcome is Outcome.SUCCESS and not self._is_behind:
            await batch.is_over.wait()

    async def flush(self) -> None:
        self._start_writing()
        if self._writing is not None:
            await asyncio.shield(self._writing)

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database) -> AsyncIterator[Self]:
        log = cls(database)
        try:
            yield log
        finally:
            if log._writing is not None:
                await log._writing
            await log._write()  # the waiting events

    async def page(self, query: EventQuery, after: str | None, limit: int) -> Page[RecordedEvent]:
        await self._catch_up()
        below = None
        if after is not None:
            [below] = cursor.read(after, "number", cursor.number)
        rows = await self._newest(query, below, limit + 1)
        following = (
            cursor.write("number", rows[limit - 1]["number"]) if len(rows) > limit else None
        )
        return Page([event_of(row) for row in rows[:limit]], following)

    async def _newest(
        self, query: EventQuery, below: int | None, limit: int
    ) -> Sequence[RowMapping]:
        """Return the newest matching rows.

        :param below: of those with a smaller number than this one.
        """
        number = audit_events.c.number
        some = select(audit_events).where(matching(query)).order_by(number.desc())
        if query.until is None or query.user_id is not None or query.actor_id is not None:
            if below is not None:
                some = some.where(number < below)
            async with self._database.connection(ROLE) as connection:
                return (await connection.execute(some.limit(limit))).mappings().all()
        # All newer rows have to be skipped, since no index is in the order of the numbers: in
        # steps that end in time, however many there are.
        async with self._database.connection(ROLE) as connection:
            ends = await connection.execute(select(func.min(number), func.max(number)))
        first, last = ends.one()
        rows = list[RowMapping]()
        upper = 0 if last is None else min(last + 1, last + 1 if below is None else below)
        while len(rows) < limit and upper > (first or 0):
            lower = max(first, upper - _SKIPPED)
            step = some.where(number >= lower, number < upper).limit(limit - len(rows))
            async with self._database.connection(ROLE) as connection:
                rows += (await connection.execute(step)).mappings().all()
            upper = lower
        return rows

    async def tally(self, after: int, limit: int) -> Tally:
        # Each append has the end of the chain locked until its transaction is over: so events
        # become visible in the order of their numbers.
        number, at = audit_events.c.number, audit_events.c.at
        some = select(
            number, hour_of(at).label("hour"), audit_events.c.what, audit_events.c.outcome
        )
        part = some.where(number > after).order_by(number).limit(limit).subquery()
        kinds = (part.c.hour, part.c.what, part.c.outcome)
        query = select(*kinds, func.count(), func.max(part.c.number)).group_by(*kinds)
        async with self._database.connection(ROLE) as connection:
            rows = (await connection.execute(query)).all()
        events = Counter[tuple[datetime, EventType, Outcome]]()
        for hour, what, outcome, count, _ in rows:
            if hour is not None:  # else its time is none: ``doorward audit verify`` says so
                events[beginning_of(hour), EventType(what), Outcome(outcome)] += count
        return Tally(max((last for *_, last in rows), default=after), events)

    async def get(self, number: int) -> RecordedEvent | None:
        if not 0 < number <= _LARGEST:
            return None
        await self._catch_up()
        one = select(audit_events).where(audit_events.c.number == number)
        async with self._database.connection(ROLE) as connection:
            row = (await connection.execute(one)).mappings().one_or_none()
        return event_of(row) if row else None

    async def state(self, numbers: Collection[int] = ()) -> AuditLogState:
        await self._catch_up()
        return await read_state(self._database, numbers)

    async def forget_addresses(self, user_id: UserId) -> None:
        if self._writing is not None:  # its events are stored then, or waiting again
            await asyncio.shield(self._writing)
        for event_id, event in self._next.events.items():
            self._next.events[event_id] = event.without_address_of(user_id)
        is_theirs = or_(
            audit_events.c.actor_id == user_id,
            and_(audit_events.c.user_id == user_id, audit_events.c.actor_id.is_(None)),
        )
        number = audit_events.c.number
        some = select(number).where(is_theirs, audit_events.c.address.is_not(None)).limit(_MANY)
        statement = (
            update(audit_events)
            .where(number.in_(some.scalar_subquery()))
            .values(address=None, address_salt=None)
        )
        forgotten = _MANY
        while forgotten == _MANY:  # in steps that end in time, however many there are
            async with self._database.connection(ROLE) as connection:
                forgotten = (await connection.execute(statement)).rowcount

    async def prune(self, before: datetime, effects: Effects = NO_EFFECTS) -> Stored[int]:
        count, through = 0, await last_before(self._database, before)
        events = [event.pruning_through(through) for event in effects.events]
        while some := await self._prune(through, events if not count else []):
            count += some
        return Stored(count, effects_stored=count > 0)

    @repeat_outdated
    async def _prune(self, through: int, events: Sequence[Event]) -> int:
        """Delete some events, and append those that record it."""
        async with self._database.transaction(ROLE) as connection:
            some = await prune_batch(connection, through)
            if some and events:
                await append(connection, events)
        return some

    async def _catch_up(self) -> None:
        """What this process has recorded is there, if it can be."""
        if self._writing is not None and not self._is_behind:
            await asyncio.shield(self._writing)

    def _start_writing(self) -> None:
        if self._next.events and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Until nothing is waiting, or the database does not answer."""
        while self._next.events:
            batch, self._next = self._next, _Batch()
            try:
                await self._append(list(batch.events.values()))
                self._is_behind = False
            except Unavailable as error:
                log.warning("audit_log_flush_failed", error=str(error), pending=len(batch.events))
                self._is_behind = True
                self._next.events = batch.events | self._next.events
                self._next.is_over.set()  # the callers wait no longer
                return
            except Exception:
                log.exception("audit_events_lost", event_ids=list(batch.events))
            finally:
                batch.is_over.set()

    async def _append(self, events: Sequence[Event]) -> None:
        try:
            await self._append_new(events)
        except DBAPIError:  # there is one that cannot be stored; the others can
            for event in events:
                await self._append_alone(event)

    async def _append_alone(self, event: Event) -> None:
        try:
            await self._append_new([event])
        except DBAPIError:
            log.exception("audit_event_rejected", event_id=event.id)

    @repeat_outdated
    async def _append_new(self, events: Sequence[Event]) -> None:
        """Append those of the events that are not stored.

        An earlier attempt without an answer may have stored them.
        """
        async with self._database.transaction(ROLE) as connection:
            await append_new(connection, events)
