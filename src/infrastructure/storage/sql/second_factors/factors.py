"""Second factors in PostgreSQL or SQLite, beside the users."""

from collections.abc import Sequence

from sqlalchemy import select

from application.ports import NO_EFFECTS, UNCHANGED, Effects, SecondFactorStore, Stored
from domain.second_factors.factors import PendingTotp, SecondFactors, Totp
from domain.session import SessionId
from domain.user import UserId
from infrastructure.storage.sql.connection.direct import FoundRow
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Row, Rows
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import second_factors


class SqlSecondFactors(SecondFactorStore):
    """One row a user. A user without factors has none."""

    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, second_factors)

    async def of_user(self, user_id: UserId) -> SecondFactors:
        row = await self._rows.one(user_id=user_id)
        return _factors(row) if row else SecondFactors(user_id)

    async def replace(
        self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        none = SecondFactors(old.user_id)
        if old == none == new:
            return UNCHANGED
        if old == none:
            return await self._add(new, effects)
        if new == none:
            return await self._rows.delete(effects, **_row(old))
        return await self._rows.swap(_row(old), _row(new), effects)

    @repeat_outdated
    async def _add(self, new: SecondFactors, effects: Effects) -> Stored[bool]:
        async with self._rows.changing(effects) as change:
            adding = insert_into(change.connection, second_factors).values(_row(new))
            added = await change.connection.execute(adding.on_conflict_do_nothing())
            change.rows = added.rowcount
        return Stored(change.rows > 0, change.effects_stored)

    async def forget(self, user_id: UserId) -> None:
        await self._rows.delete(user_id=user_id)

    async def page(self, after: UserId | None, limit: int) -> Sequence[SecondFactors]:
        query = select(second_factors).order_by(second_factors.c.user_id).limit(limit)
        if after is not None:
            query = query.where(second_factors.c.user_id > after)
        async with self._rows.connection() as connection:
            return [_factors(row) for row in (await connection.execute(query)).mappings()]


def _row(factors: SecondFactors) -> Row:
    totp, pending = factors.totp, factors.pending
    return {
        "user_id": factors.user_id,
        "totp": totp.sealed if totp else None,
        "totp_step": totp.last_step if totp else 0,
        "pending_totp": f"{pending.session_id} {pending.sealed}" if pending else None,
        "pending_until": pending.expires_at if pending else None,
        "recovery_codes": " ".join(sorted(factors.recovery_codes)),
        "failures": factors.failures,
        "failing_since": factors.failing_since,
        "locked_until": factors.locked_until,
    }


def _factors(row: FoundRow) -> SecondFactors:
    return SecondFactors(
        user_id=UserId(row["user_id"]),
        totp=None if row["totp"] is None else Totp(row["totp"], row["totp_step"]),
        pending=_pending(row),
        recovery_codes=frozenset(row["recovery_codes"].split()),
        failures=row["failures"],
        failing_since=row["failing_since"],
        locked_until=row["locked_until"],
    )


def _pending(row: FoundRow) -> PendingTotp | None:
    if row["pending_totp"] is None:
        return None
    session_id, _, sealed = row["pending_totp"].partition(" ")
    return PendingTotp(sealed, SessionId(session_id), row["pending_until"])
