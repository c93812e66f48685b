"""The chain of the audit log: each row carries the digest of the one before.

A digest covers all of a row and the digest before it. So no row can be changed, removed or
inserted without changing all rows that follow, and the head of the chain. A client that can write
to the database can do that too: store the head elsewhere from time to time (``doorward doctor
audit`` prints it).

Pruning takes rows from the beginning, and its event, which stays, has the number of the last of
them. A beginning that is missing without such an event was not pruned.

The chain has only a salted digest of an address, so that the address itself can be deleted.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import case, cast, delete, func, insert, null, select, true, update
from sqlalchemy.engine import MappingResult
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import AuditLogState, Effects
from domain.audit.details import EventsPruned
from domain.audit.event import Event, EventType, read_details
from domain.outcome import Outcome
from domain.user import UserId
from infrastructure.storage.sql.audit.rows import columns_of
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import ADDRESS_LENGTH, audit_chain, audit_events, users

ROLE = "audit log"
_BATCH = 1000  # rows at a time
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the number and the digest of its last row."""

    number: int
    digest: str


class Broken(Exception):
    """The chain is broken.

    :ivar number: of the first row that differs from what was recorded.
    """

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"event {number} {what}")
        self.number = number


async def lock(connection: AsyncConnection) -> Head:
    """Exclude all other appends until the end of the transaction.

    :returns: the end of the chain.
    """
    ends = select(audit_chain.c.last_number, audit_chain.c.last_digest).with_for_update()
    number, digest = (await connection.execute(ends)).one()
    return Head(number, digest)


async def store(database: Database, connection: AsyncConnection, effects: Effects) -> bool:
    """Within a transaction, as the last thing in it: append the events of a change, if the audit
    log is in this database.

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
        row = _row(number, known, previous)
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


async def last_before(database: Database, before: datetime) -> int:
    """Return the number of the last row of those at the beginning that are before this time.

    The rows are read in steps that end in time, however many there are.
    """
    async with database.connection(ROLE) as connection:
        after = await connection.scalar(select(audit_chain.c.start_number)) or 0
    while True:
        columns = (audit_events.c.number, audit_events.c.at)
        some = select(*columns).where(audit_events.c.number > after)
        step = some.order_by(audit_events.c.number).limit(10 * _BATCH).subquery()
        first_kept = func.min(case((step.c.at >= before, step.c.number)))
        async with database.connection(ROLE) as connection:
            rows = await connection.execute(select(func.max(step.c.number), first_kept))
        last, kept = rows.one()
        if kept is not None:
            return int(kept) - 1
        if last is None:
            return after
        after = last


async def prune(connection: AsyncConnection, through: int) -> int:
    """Delete some of the oldest rows, up to this number.

    :param connection: in a transaction.
    :returns: how many were deleted; 0 when none is left up to this number.
    """
    start = await connection.scalar(select(audit_chain.c.start_number).with_for_update())
    if start is None or start >= through:
        return 0
    some = (
        select(audit_events.c.number, audit_events.c.digest)
        .where(audit_events.c.number <= min(through, start + _BATCH))
        .order_by(audit_events.c.number.desc())
        .limit(1)
    )
    last = (await connection.execute(some)).one_or_none()
    if last is None:
        return 0
    # The triggers allow to delete only rows before the start.
    start_is = {"start_number": last.number, "start_digest": last.digest}
    await connection.execute(update(audit_chain).values(start_is))
    await connection.execute(delete(audit_events).where(audit_events.c.number <= last.number))
    return int(last.number - start)


async def verify(database: Database, noted: Head | None = None) -> tuple[int, Head]:
    """Verify the whole chain.

    :param noted: an earlier head, which must still be in the chain, unless it was pruned.
    :returns: the number of rows, and the head.
    :raises Broken: a row differs from what was recorded.
    """
    while True:
        start, head = await _ends(database)
        try:
            return await _walk(database, start, head, noted), head
        except Broken:
            if (await _ends(database))[0] == start:
                raise
            # It was pruned meanwhile: begin again.


async def state(database: Database, numbers: Collection[int]) -> AuditLogState:
    """Return the ends of the chain, and those of some rows that differ from what was recorded or
    do not follow on their neighbours.
    """
    number, at = audit_events.c.number, audit_events.c.at
    near = {each + step for each in numbers for step in (-1, 0, 1)}
    ends = select(audit_chain).subquery()
    neighbours = select(audit_events).where(number.in_(near)).subquery()
    # In one statement: the chain grows and is pruned meanwhile.
    statement = select(
        ends.c.start_number,
        ends.c.start_digest,
        ends.c.last_number,
        ends.c.last_digest,
        select(at).where(number == ends.c.start_number + 1).scalar_subquery().label("since"),
        select(at).where(number == ends.c.last_number).scalar_subquery().label("until"),
        neighbours,
    ).select_from(ends.outerjoin(neighbours, true()))
    async with database.connection(ROLE) as connection:
        rows = (await connection.execute(statement)).mappings().all()
    if not rows:
        return AuditLogState(1, 0, broken=sorted(numbers))
    start = Head(rows[0]["start_number"], rows[0]["start_digest"])
    last = Head(rows[0]["last_number"], rows[0]["last_digest"])
    stored = {row["number"]: dict(row) for row in rows}
    kept = (each for each in sorted(numbers) if each > start.number)
    return AuditLogState(
        start.number + 1,
        last.number,
        rows[0]["since"],
        rows[0]["until"],
        last.digest,
        [each for each in kept if not _is_linked(each, stored, start, last)],
    )


def _is_linked(number: int, rows: Mapping[int, _Row], start: Head, last: Head) -> bool:
    """Return whether a row is as recorded, and between its neighbours or at an end."""
    try:
        before = start if number == start.number + 1 else _head_of(rows[number - 1])
        here = _follow(before, rows[number])
        if number == last.number:
            return here == last
        return bool(rows[number + 1]["previous"] == here.digest)
    except (KeyError, Broken):
        return False


def _head_of(row: _Row) -> Head:
    return Head(row["number"], row["digest"])


async def _walk(database: Database, start: Head, head: Head, noted: Head | None) -> int:
    before, _ = await _outside(database)
    if before is not None:
        raise Broken(before, "is no part of the chain")
    previous, count, pruned_through = start, 0, 0
    _compare(previous, noted)
    async for row in _rows(database, start.number, head.number):
        previous = _follow(previous, row)
        _compare(previous, noted)
        count += 1
        pruned_through = max(pruned_through, _pruned_through(row))
    if previous != head:
        raise Broken(previous.number + 1, "is missing")
    _, behind = await _outside(database)
    if behind is not None:
        raise Broken(behind, "is no part of the chain")
    if noted and noted.number > head.number:
        raise Broken(head.number + 1, "is missing")
    if pruned_through < start.number:
        raise Broken(pruned_through + 1, "is missing, and no recorded pruning deleted it")
    return count


def _pruned_through(row: _Row) -> int:
    """Return the number of the last row that the pruning deleted of which this row is the event.

    Earlier releases did not record the number: such an event explains all that is missing before.
    """
    if row["what"] != EventType.PRUNE_AUDIT_LOG.value or row["outcome"] != Outcome.SUCCESS.value:
        return 0
    details = read_details(EventType.PRUNE_AUDIT_LOG, row["detail"])
    if isinstance(details, EventsPruned) and details.through is not None:
        return details.through
    return int(row["number"]) - 1


def _compare(head: Head, noted: Head | None) -> None:
    if noted and noted.number == head.number and noted != head:
        raise Broken(noted.number, "is not the one that was noted")


def _follow(previous: Head, row: _Row) -> Head:
    if row["number"] != previous.number + 1:
        raise Broken(previous.number + 1, "is missing")
    try:
        is_intact = row["previous"] == previous.digest and row["digest"] == _digest(row)
        is_intact &= row["address"] is None or row["address_digest"] == _address_digest(
            row["address"], row["address_salt"]
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        is_intact = False
    if not is_intact:
        raise Broken(row["number"], "was changed")
    return Head(row["number"], row["digest"])


async def _ends(database: Database) -> tuple[Head, Head]:
    """Return the predecessor of the first row, and the last row.

    :raises Broken: they are not stored.
    """
    async with database.connection(ROLE) as connection:
        rows = (await connection.execute(select(audit_chain))).all()
    if len(rows) != 1:
        raise Broken(0, "is not the head of the chain: there must be one")
    [row] = rows
    return Head(row.start_number, row.start_digest), Head(row.last_number, row.last_digest)


async def _outside(database: Database) -> tuple[int | None, int | None]:
    """Return the first row before the start and the first row after the end, in one statement:
    the chain grows and is pruned meanwhile.
    """
    first, number = func.min(audit_events.c.number), audit_events.c.number
    before = select(first).where(number <= select(audit_chain.c.start_number).scalar_subquery())
    behind = select(first).where(number > select(audit_chain.c.last_number).scalar_subquery())
    async with database.connection(ROLE) as connection:
        both = select(before.scalar_subquery(), behind.scalar_subquery())
        return tuple((await connection.execute(both)).one())


async def _rows(database: Database, after: int, last: int) -> AsyncIterator[_Row]:
    while after < last:
        some = (
            select(audit_events)
            .where(audit_events.c.number > after, audit_events.c.number <= last)
            .order_by(audit_events.c.number)
            .limit(_BATCH)
        )
        async with database.connection(ROLE) as connection:
            result = (await connection.execute(some)).mappings()
            rows = list(_readable_rows(result, after))
        for row in rows:
            yield row
        if len(rows) < _BATCH:
            return
        after = rows[-1]["number"]


def _readable_rows(result: MappingResult, after: int) -> Iterator[_Row]:
    """Yield the rows. SQLite stores any value in any column: of a row that cannot be read only the
    number is yielded, which follows on the one before.
    """
    while True:
        try:
            row = result.fetchone()
        except (ValueError, TypeError):
            after += 1
            yield {"number": after}
            continue
        if row is None:
            return
        after = row["number"]
        yield dict(row)


def _row(number: int, event: Event, previous: str) -> dict[str, Any]:
    address = event.caller.address[:ADDRESS_LENGTH]  # an invalid address may have any length
    salt = secrets.token_hex(16) if address else ""
    row = {
        "number": number,
        **columns_of(event),
        "address": address or None,
        "address_salt": salt or None,
        "address_digest": _address_digest(address, salt) if address else "",
        "previous": previous,
    }
    return row | {"digest": _digest(row)}


def _digest(row: _Row) -> str:
    content = [
        row["previous"],
        row["number"],
        row["id"],
        row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        row["what"],
        row["outcome"],
        row["user_id"] and row["user_id"].hex,
        row["session_id"],
        row["actor_id"] and row["actor_id"].hex,
        row["detail"],
        row["request_id"],
        row["address_digest"],
    ]
    return sha256(msgspec.json.encode(content)).hexdigest()


def _address_digest(address: str, salt: str) -> str:
    return sha256(msgspec.json.encode([salt, address])).hexdigest()
