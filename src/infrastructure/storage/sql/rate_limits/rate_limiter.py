"""Counters of attempts in PostgreSQL. See ``sqlite_rate_limiter`` for SQLite."""

from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import RateLimiter
from domain.rate_limit import Usage
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Rows
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import rate_limits


class SqlRateLimiter(RateLimiter):
    def __init__(self, database: Database) -> None:
        self._rows = Rows(database, rate_limits)

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        async with self._rows.connection() as connection:
            new = insert_into(connection, rate_limits).values(
                key=key, count=1, resets_at=now + window
            )
            has_ended = rate_limits.c.resets_at <= now
            counted = new.on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "count": case((has_ended, 1), else_=rate_limits.c.count + 1),
                    "resets_at": case(
                        (has_ended, new.excluded.resets_at), else_=rate_limits.c.resets_at
                    ),
                },
            ).returning(rate_limits.c.count, rate_limits.c.resets_at)
            usage = Usage(*(await connection.execute(counted)).one())
            if usage.count == 1:
                await self._purge(connection, now)
        return usage

    async def has_window(self, key: str, now: datetime) -> bool:
        async with self._rows.connection() as connection:
            found = select(rate_limits.c.key).where(
                rate_limits.c.key == key, now < rate_limits.c.resets_at
            )
            return (await connection.execute(found)).first() is not None

    async def forget(self, key: str) -> None:
        await self._rows.delete(key=key)

    async def _purge(self, connection: AsyncConnection, now: datetime) -> None:
        """Delete some rows of windows that have ended."""
        ended = select(rate_limits.c.key).where(rate_limits.c.resets_at <= now).limit(100)
        some = ended.with_for_update(skip_locked=True)
        await connection.execute(delete(rate_limits).where(rate_limits.c.key.in_(some)))
