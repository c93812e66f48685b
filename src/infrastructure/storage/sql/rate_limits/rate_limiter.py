"""Counters of attempts in PostgreSQL. See ``sqlite_rate_limiter`` for SQLite."""

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, cast

from sqlalchemy import bindparam, case, delete, select

from application.ports import RateLimiter
from domain.rate_limit import Usage
from infrastructure.storage.sql.connection.direct import FoundRow, Statement
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Rows
from infrastructure.storage.sql.tables import rate_limits

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

_TIME = rate_limits.c.resets_at.type
_KEY = bindparam("its_key", type_=rate_limits.c.key.type)
_AT, _ENDS_AT = bindparam("at", type_=_TIME), bindparam("ends_at", type_=_TIME)

SOME_ENDED = select(rate_limits.c.key).where(rate_limits.c.resets_at <= _AT).limit(100)
_FIND = select(rate_limits.c.key).where(rate_limits.c.key == _KEY, rate_limits.c.resets_at > _AT)
_PURGE = delete(rate_limits).where(
    rate_limits.c.key.in_(SOME_ENDED.with_for_update(skip_locked=True))
)


def counting(new: "PostgresInsert | SqliteInsert") -> Statement:
    """Make the statement that counts an attempt, and begins a window where none is open.

    :param new: an insertion into the table.
    """
    usage = count, resets_at = rate_limits.c.count, rate_limits.c.resets_at
    has_ended = resets_at <= _AT
    counted = new.values(key=_KEY, count=1, resets_at=_ENDS_AT).on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((has_ended, 1), else_=count + 1),
            "resets_at": case((has_ended, new.excluded.resets_at), else_=resets_at),
        },
    )
    return counted.returning(*usage)


@cache
def _counting_in_postgres() -> Statement:
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - SQLite does not need it

    return counting(insert(rate_limits))


class SqlRateLimiter(RateLimiter):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = Rows(database, rate_limits)

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        counted = await self._rows.fetch_one(
            _counting_in_postgres(), its_key=key, at=now, ends_at=now + window
        )
        row = cast(FoundRow, counted)
        usage = Usage(row["count"], row["resets_at"])
        if usage.count == 1:
            await self._database.execute(rate_limits.name, _PURGE, {"at": now})
        return usage

    async def has_window(self, key: str, now: datetime) -> bool:
        return await self._rows.fetch_one(_FIND, its_key=key, at=now) is not None

    async def forget(self, key: str) -> None:
        await self._rows.delete(key=key)
