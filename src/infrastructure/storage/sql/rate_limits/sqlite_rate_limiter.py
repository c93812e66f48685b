"""Counters of attempts in SQLite: those that wait for the one writer are counted together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import Unavailable
from domain.rate_limit import Usage
from infrastructure.storage.sql.connection.sqlite_direct import Fetch
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rate_limits.rate_limiter import (
    SOME_ENDED,
    SqlRateLimiter,
    counting,
)
from infrastructure.storage.sql.tables import rate_limits

_MOST = 1000
"""Attempts in one transaction."""

_COUNT = counting(insert(rate_limits))
_PURGE = delete(rate_limits).where(rate_limits.c.key.in_(SOME_ENDED))


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
        await asyncio.sleep(0)  # others of this turn of the event loop count with it
        attempts = self._waiting[:_MOST]
        try:
            counted = await self._database.change_at_once(
                rate_limits.name, partial(_count, attempts)
            )
        except (Unavailable, SQLAlchemyError) as error:  # each caller raises it
            outcomes: Sequence[Usage | Exception] = [error] * len(attempts)
        else:
            outcomes = counted
        del self._waiting[: len(attempts)]
        for attempt, outcome in zip(attempts, outcomes, strict=True):
            attempt.outcome = outcome


def _count(attempts: Sequence[_Attempt], fetch: Fetch) -> list[Usage]:
    counted = []
    for attempt in attempts:
        ends_at = attempt.now + attempt.window
        row = fetch(_COUNT, {"its_key": attempt.key, "at": attempt.now, "ends_at": ends_at})
        counted.append(Usage(row["count"], row["resets_at"]))
    if any(usage.count == 1 for usage in counted):
        fetch(_PURGE, {"at": min(attempt.now for attempt in attempts)})
    return counted
