"""Append events to the chain of the audit log."""

from collections.abc import Container, Sequence

from sqlalchemy import bindparam, cast, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import Effects
from domain.audit.event import Event
from domain.user import UserId
from infrastructure.storage.sql.audit.chain import Head, row_of
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events, users

# Statements are made once: SQLAlchemy takes longer to put one together than to execute it.
_ENDS = select(audit_chain.c.last_number, audit_chain.c.last_digest).with_for_update()
_STORED = select(audit_events.c.id, cast(null(), users.c.id.type)).where(
    audit_events.c.id.in_(bindparam("event_ids", expanding=True))
)
_THERE = select(cast(null(), audit_events.c.id.type), users.c.id).where(
    users.c.id.in_(bindparam("owners", expanding=True))
)
_KNOWN = _STORED.union_all(_THERE)
_INSERT = insert(audit_events)
_MOVE_END = update(audit_chain).values(
    last_number=bindparam("last_number_"), last_digest=bindparam("last_digest_")
)
_INSERT_LAST = _INSERT.values(
    {each.name: bindparam(f"{each.name}_", type_=each.type) for each in audit_events.c}
).add_cte(_MOVE_END.cte("moved"))
"""Both in one packet. SQLite has no such statement, and no packets."""


async def lock(connection: AsyncConnection) -> Head:
    """Exclude all other appends until the end of the transaction.

    :returns: the end of the chain.
    """
    number, digest = (await connection.execute(_ENDS)).one()
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
    end = {"last_number_": number, "last_digest_": previous}
    if len(rows) == 1 and connection.dialect.name == "postgresql":
        row = {f"{name}_": value for name, value in rows[0].items()}
        await connection.execute(_INSERT_LAST, row | end)
        return
    await connection.execute(_INSERT, rows)
    await connection.execute(_MOVE_END, end)


async def _known(
    connection: AsyncConnection, events: Sequence[Event]
) -> tuple[set[str], set[UserId]]:
    """Return which of the events are stored, and which of their owners exist, in one query."""
    owners = {event.actor_id or event.user_id for event in events if event.caller.address}
    parameters = {"event_ids": [event.id for event in events], "owners": [*(owners - {None})]}
    found = (await connection.execute(_KNOWN, parameters)).all()
    return {id_ for id_, _ in found if id_}, {UserId(user) for _, user in found if user}
