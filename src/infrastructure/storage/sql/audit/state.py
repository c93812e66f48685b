"""The ends of the audit log, and which of some rows are broken."""

from collections.abc import Collection, Mapping

from sqlalchemy import select, true

from application.ports import AuditLogState
from infrastructure.storage.sql.audit.chain import ROLE, Broken, Head, Row, follow, head_of
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import audit_chain, audit_events


async def read_state(database: Database, numbers: Collection[int]) -> AuditLogState:
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


def _is_linked(number: int, rows: Mapping[int, Row], start: Head, last: Head) -> bool:
    """Return whether a row is as recorded, and between its neighbours or at an end."""
    try:
        before = start if number == start.number + 1 else head_of(rows[number - 1])
        here = follow(before, rows[number])
        if number == last.number:
            return here == last
        return bool(rows[number + 1]["previous"] == here.digest)
    except (KeyError, Broken):
        return False
