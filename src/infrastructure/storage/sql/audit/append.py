"""Append events to the chain of the audit log."""

from collections.abc import Container, Sequence

from sqlalchemy import cast, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import Effects
from domain.audit.event import Event
from domain.user import UserId
from infrastructure.storage.sql.audit.chain import Head, row_of
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events, users


async def lock(connection: AsyncConnection) -> Head:
    """Exclude all other appends until the end of the transaction.

    :returns: the end of the chain.
    """
    ends = select(audit_chain.c.last_number, audit_chain.c.last_digest).with_for_update()
    number, digest = (await connection.execute(ends)).one()
    return Head(number, digest)


async def append_effects(
    database: Database, connection: AsyncConnection, effects: Effects
) -> bool:
    """Append the events of a change, last in its transaction, if this database has the audit log.

    :returns: whether it did.
    """
    if not (database.has_audit_log and effects.events):
        return False
    await append(connection, effects.events)
    return True


async def append(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Append events, last in a transaction: all other appends wait for its end."""
    head = await lock(connection)
    _, there = await _known(connection, events)
    await _append(connection, head, events, there)


async def append_new(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Append, as :func:`append` does, those of the events that are not stored."""
    head = await lock(connection)
    stored, there = await _known(connection, events)
    if new := [event for event in events if event.id not in stored]:
        await _append(connection, head, new, there)


async def _append(
    connection: AsyncConnection, head: Head, events: Sequence[Event], there: Container[UserId]
) -> None:
    """
    :param there: the users that exist: of deleted users no address is recorded.
    """
    number, previous = head.number, head.digest
    rows = []
    for event in events:
        number += 1
        owner = event.actor_id or event.user_id
        known = event if owner is None or owner in there else event.without_address_of(owner)
        row = row_of(number, known, previous)
        previous = row["digest"]
        rows.append(row)
    await connection.execute(insert(audit_events), rows)
    await connection.execute(update(audit_chain).values(last_number=number, last_digest=previous))


async def _known(
    connection: AsyncConnection, events: Sequence[Event]
) -> tuple[set[str], set[UserId]]:
    """Return which of the events are stored, and which of their owners exist, in one query."""
    owners = {event.actor_id or event.user_id for event in events if event.caller.address}
    stored = select(audit_events.c.id, cast(null(), users.c.id.type)).where(
        audit_events.c.id.in_([event.id for event in events])
    )
    there = select(cast(null(), audit_events.c.id.type), users.c.id).where(
        users.c.id.in_(owners - {None})
    )
    found = (await connection.execute(stored.union_all(there))).all()
    return {id_ for id_, _ in found if id_}, {UserId(user) for _, user in found if user}
