"""What keeps a migration from its work: the locks of others in PostgreSQL, and foreign tables."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

ADVISORY_LOCK = 0x646F6F72  # "door": of a migration

WAIT = timedelta(minutes=1)
"""For other migrations, and for transactions that hold locks on the tables."""

LOCK_TIMEOUT = "50ms"
"""While a statement waits for an exclusive lock, all later statements on the table wait for it."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds
_LOCK_STATES = frozenset({"55P03", "40P01"})  # lock_not_available, deadlock_detected
_OLDEST_TRANSACTION = text(
    "SELECT pid, extract(epoch FROM now() - xact_start) FROM pg_stat_activity "
    "WHERE datname = current_database() AND xact_start < now() - interval '1 second' "
    "AND pid <> pg_backend_pid() "
    "AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock) "
    "ORDER BY xact_start LIMIT 1"
)
_T = TypeVar("_T")


class ForeignSchema(Exception):
    """The database has tables of these names that this service did not create."""


class LocksHeld(Exception):
    """Other transactions held locks for longer than a migration waits.

    :ivar holder: the known facts about them.
    """

    def __init__(self, seconds: float, holder: str) -> None:
        super().__init__(f"waited {seconds:.0f} s for {holder}")
        self.holder = holder


class Patience:
    """The time for which one migration waits, with all its statements."""

    def __init__(self, wait: timedelta) -> None:
        self._seconds = wait.total_seconds()
        self._deadline = time.monotonic() + self._seconds
        self._pause = _FIRST_PAUSE

    @property
    def left(self) -> float:
        """Seconds; 0 or less at its end."""
        return self._deadline - time.monotonic()

    async def pause(self, holder: str) -> None:
        """Sleep before the next attempt: longer each time, and not all processes alike.

        :raises LocksHeld: there is no time left.
        """
        if self.left <= 0:
            raise LocksHeld(self._seconds, holder)
        jitter = 0.5 + secrets.randbelow(1000) / 1000
        await asyncio.sleep(min(self._pause * jitter, max(self.left, 0)))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def retry(self, engine: AsyncEngine, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a transaction that did not get a lock in time.

        :raises LocksHeld: there is no time left.
        """
        self._pause = _FIRST_PAUSE
        while True:
            try:
                return await attempt()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _LOCK_STATES:
                    raise
            await self.pause("" if self.left > 0 else await holder_of_locks(engine))


async def holder_of_locks(engine: AsyncEngine) -> str:
    """Describe the oldest transaction in the database, which holds locks most likely."""
    async with engine.begin() as connection:
        row = (
            await connection.execute(_OLDEST_TRANSACTION, {"lock": ADVISORY_LOCK})
        ).one_or_none()
    if row is None:
        return "other transactions"
    return f"other transactions; the oldest is of process {row[0]}, {row[1]:.0f} s old"
