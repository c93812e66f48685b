"""The outbox in PostgreSQL or SQLite, beside the users."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, literal, select, tuple_, update

from application.ports import Effects, MailPosition, Outbox, OutboxStatus, Stored
from domain.email import Email
from domain.mail.message import Delivery, DeliveryState, MailKind, MessageId
from infrastructure.storage.sql.audit.append import append_effects
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.effects import queue, spend
from infrastructure.storage.sql.outbox_rows import delivery_of, state_of
from infrastructure.storage.sql.rows import Rows
from infrastructure.storage.sql.statements import select_unlocked
from infrastructure.storage.sql.tables import UtcDateTime, outbox

_QUEUED = DeliveryState.QUEUED.value
_KINDS = [kind.value for kind in MailKind]
"""A node of a later release may queue others: they are left to it."""
_LAST_FIRST = (
    select(outbox)
    .where(outbox.c.kind.in_(_KINDS))
    .order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
)


class SqlOutbox(Outbox):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Rows(database, outbox)

    @repeat_outdated
    async def add(self, effects: Effects) -> Stored[bool]:
        async with self._database.transaction(outbox.name) as connection:
            if effects.spent:
                await spend(connection, effects.spent)
            await queue(connection, effects)
            stored = await append_effects(self._database, connection, effects)
        return Stored(True, stored or not effects.events)

    async def lease(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        due = (outbox.c.state == _QUEUED, outbox.c.due_at <= now, outbox.c.kind.in_(_KINDS))
        some = select_unlocked(outbox, *due, order=outbox.c.due_at, limit=limit)
        statement = (
            update(outbox)
            .where(outbox.c.id.in_(some))
            .values(due_at=until, attempts=outbox.c.attempts + 1)
            .returning(outbox)
        )
        async with self._rows.connection() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [delivery_of(row) for row in rows]

    async def replace(self, old: Delivery, new: Delivery) -> bool:
        state = state_of(old)
        expected = {name: state[name] for name in ("state", "attempts", "due_at")}
        the_message = self._rows.where({"id": old.message.id, **expected})
        stored = await self._rows.change(update(outbox).where(*the_message).values(state_of(new)))
        return stored.changed

    async def get(self, message_id: MessageId) -> Delivery | None:
        row = await self._rows.one(id=message_id)
        return delivery_of(row) if row and row["kind"] in _KINDS else None

    async def page(
        self, state: DeliveryState | None, after: MailPosition | None, limit: int
    ) -> Sequence[Delivery]:
        position, query = tuple_(outbox.c.created_at, outbox.c.id), _LAST_FIRST
        if state is not None:
            query = query.where(outbox.c.state == state.value)
        if after is not None:
            created_at, message_id = after
            last = (literal(created_at, UtcDateTime), literal(message_id))
            query = query.where(position < tuple_(*last))
        return await self._deliveries(query.limit(limit))

    async def count(self, state: DeliveryState, up_to: int) -> int:
        some = select(outbox.c.id).where(outbox.c.state == state.value).limit(up_to).subquery()
        async with self._rows.connection() as connection:
            count = await connection.scalar(select(func.count()).select_from(some))
        return int(count or 0)

    async def to(self, email: Email, limit: int) -> Sequence[Delivery]:
        query = _LAST_FIRST.where(outbox.c.recipient_key == email.key)
        return await self._deliveries(query.limit(limit))

    async def _deliveries(self, query: Select[Any]) -> Sequence[Delivery]:
        async with self._rows.connection() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [delivery_of(row) for row in rows]

    async def delete(self, message_id: MessageId) -> bool:
        return (await self._rows.delete(id=message_id)).changed

    async def forget(self, email: Email) -> None:
        ended = (outbox.c.recipient_key == email.key, outbox.c.state != _QUEUED)
        await self._rows.change(delete(outbox).where(*ended))

    async def prune(self, before: datetime, limit: int) -> int:
        ended = await self._rows.delete_before(outbox.c.ended_at, before, limit)
        if ended == limit:
            return ended
        # They are due before they expire, and the index has the times when they are due.
        expired = (outbox.c.state == _QUEUED, outbox.c.expires_at < before)
        rest = limit - ended
        return ended + await self._rows.delete_before(outbox.c.due_at, before, rest, *expired)

    async def status(self) -> OutboxStatus:
        query = select(func.count(), func.min(outbox.c.created_at))
        async with self._rows.connection() as connection:
            result = await connection.execute(query.where(outbox.c.state == _QUEUED))
        return OutboxStatus(*result.one())
