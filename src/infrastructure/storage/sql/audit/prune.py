"""Delete the oldest rows of the audit log. The chain stays valid."""

from datetime import datetime

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.storage.sql.audit.chain import BATCH, ROLE
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events


async def last_before(database: Database, before: datetime) -> int:
    """Return the number of the last row of those at the beginning that are before this time.

    The rows are read in steps that end in time, however many there are.
    """
    async with database.connection(ROLE) as connection:
        after = await connection.scalar(select(audit_chain.c.start_number)) or 0
    while True:
        columns = (audit_events.c.number, audit_events.c.at)
        some = select(*columns).where(audit_events.c.number > after)
        step = some.order_by(audit_events.c.number).limit(10 * BATCH).subquery()
        first_kept = func.min(case((step.c.at >= before, step.c.number)))
        async with database.connection(ROLE) as connection:
            rows = await connection.execute(select(func.max(step.c.number), first_kept))
        last, kept = rows.one()
        if kept is not None:
            return int(kept) - 1
        if last is None:
            return after
        after = last


async def prune_batch(connection: AsyncConnection, through: int) -> int:
    """Delete some of the oldest rows, up to this number.

    :param connection: in a transaction.
    :returns: how many were deleted; 0 when none is left up to this number.
    """
    start = await connection.scalar(select(audit_chain.c.start_number).with_for_update())
    if start is None or start >= through:
        return 0
    some = (
        select(audit_events.c.number, audit_events.c.digest)
        .where(audit_events.c.number <= min(through, start + BATCH))
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
