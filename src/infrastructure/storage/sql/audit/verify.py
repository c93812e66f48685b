"""Verify the whole chain of the audit log."""

from collections.abc import AsyncIterator, Iterator

from sqlalchemy import func, select
from sqlalchemy.engine import MappingResult

from domain.audit.details import EventsPruned
from domain.audit.event import EventType, read_details
from domain.outcome import Outcome
from infrastructure.storage.sql.audit.chain import BATCH, ROLE, Broken, Head, Row, follow
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events


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


async def _walk(database: Database, start: Head, head: Head, noted: Head | None) -> int:
    before, _ = await _outside(database)
    if before is not None:
        raise Broken(before, "is no part of the chain")
    previous, count, pruned_through = start, 0, 0
    _compare(previous, noted)
    async for row in _rows(database, start.number, head.number):
        previous = follow(previous, row)
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


def _pruned_through(row: Row) -> int:
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


async def _rows(database: Database, after: int, last: int) -> AsyncIterator[Row]:
    while after < last:
        some = (
            select(audit_events)
            .where(audit_events.c.number > after, audit_events.c.number <= last)
            .order_by(audit_events.c.number)
            .limit(BATCH)
        )
        async with database.connection(ROLE) as connection:
            result = (await connection.execute(some)).mappings()
            rows = list(_readable_rows(result, after))
        for row in rows:
            yield row
        if len(rows) < BATCH:
            return
        after = rows[-1]["number"]


def _readable_rows(result: MappingResult, after: int) -> Iterator[Row]:
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
