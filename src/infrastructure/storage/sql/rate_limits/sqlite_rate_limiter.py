"""Counters of attempts in SQLite: those that wait for the one writer are counted together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import Unavailable
from domain.rate_limit import Usage
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rate_limits.rate_limiter import SqlRateLimiter
from infrastructure.storage.sql.tables import rate_limits

_MOST = 1000
"""Attempts in one transaction."""


@dataclass(slots=True)
class _Attempt:
    """
    :ivar outcome: ``None`` while the attempt waits.
    """

    key: str
    window: timedelta
    now: datetime
    outcome: Usage | Exception | None = None


class SqliteRateLimiter(SqlRateLimiter):
    """Each commit waits for other writers. With one commit an attempt, a hundred clients that log
    in again and again would wait for each other until the time limit of the store, and would not
    be refused.

    A commit does not wait for the disk: a power cut may take the attempts of the last moments.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database
        self._waiting: list[_Attempt] = []
        self._writing = asyncio.Lock()

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        attempt = _Attempt(key, window, now)
        self._waiting.append(attempt)
        async with self._writing:  # the first one counts for all that have come meanwhile
            while attempt.outcome is None:
                await self._count_waiting()
        if isinstance(attempt.outcome, Exception):
            raise attempt.outcome
        return attempt.outcome

    async def _count_waiting(self) -> None:
        """Count some attempts in one transaction. All of them share its error.

        A caller that is cancelled leaves its attempt and those of others to the next caller.
        """
        attempts = self._waiting[:_MOST]
        try:
            async with self._database.transaction(rate_limits.name, durable=False) as connection:
                counted = await _count(connection, attempts)
                if any(usage.count == 1 for usage in counted):
                    await self._purge(connection, min(attempt.now for attempt in attempts))
        except (Unavailable, SQLAlchemyError) as error:  # each caller raises it
            outcomes: Sequence[Usage | Exception] = [error] * len(attempts)
        else:
            outcomes = counted
        del self._waiting[: len(attempts)]
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            attempt.outcome = outcome


async def _count(connection: AsyncConnection, attempts: list[_Attempt]) -> list[Usage]:
    columns = rate_limits.c.key, rate_limits.c.count, rate_limits.c.resets_at
    keys = {attempt.key for attempt in attempts}
    stored = await connection.execute(select(*columns).where(rate_limits.c.key.in_(keys)))
    usages = {row.key: Usage(row[1], row.resets_at) for row in stored}
    counted = []
    for attempt in attempts:
        usage = Usage.after(usages.get(attempt.key), attempt.window, attempt.now)
        usages[attempt.key] = usage
        counted.append(usage)
    new = insert(rate_limits)
    changes = {"count": new.excluded.count, "resets_at": new.excluded.resets_at}
    rows = [
        {"key": key, "count": usages[key].count, "resets_at": usages[key].resets_at}
        for key in keys
    ]
    await connection.execute(new.on_conflict_do_update(["key"], set_=changes), rows)
    return counted
