"""Invalidation feeds of PostgreSQL and SQLite."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from domain.user import UserId
from infrastructure.clock import running_time
from infrastructure.storage.near_cache.invalidation_feed import (
    ConnectedFeed,
    InvalidationFeed,
    Subscriber,
    log_connected,
    log_disconnected,
)
from infrastructure.storage.sql.connection.pooler import is_pooled
from infrastructure.storage.sql.database import Database

if TYPE_CHECKING:
    import asyncpg

_PROBE = "? "
CHANNEL = "doorward_changes"
"""On it the triggers of migration 0003 publish whose rows were changed, with the commit."""


@asynccontextmanager
async def open_feed(database: Database, bound: timedelta) -> AsyncIterator[InvalidationFeed]:
    if database.file is None:
        async with PostgresFeed(database, bound) as feed:
            yield feed
    else:
        with closing(SqliteFeed(database.file)) as feed:
            yield feed


class PostgresFeed(ConnectedFeed):
    """``LISTEN``, on a connection of its own.

    The probes are notifications as well, sent from *another* connection. So a pool in between that
    lends its connections for one transaction at a time (PgBouncer) is detected: it passes no
    notification on to the listener, and no probe is answered. Each probe has a random number, so
    that a client that may notify cannot answer in advance.
    """

    def __init__(self, database: Database, bound: timedelta) -> None:
        super().__init__("PostgreSQL", bound)
        self._database = database
        self._sent_at: dict[str, float] = {}  # running time, by the number of the probe

    async def _listen(self) -> None:
        self._sent_at.clear()
        connect = self._database.dedicated_connection
        async with connect() as listener, connect() as prober:
            async with asyncio.timeout(self._bound):
                for connection in (listener, prober):
                    await is_pooled(connection)  # if not, the server keeps idle sessions open
                await listener.add_listener(CHANNEL, self._receive)
            self._begin()
            while True:
                await self._probe(prober)
                await asyncio.sleep(self._interval)
                self._require_answers()

    async def _probe(self, prober: "asyncpg.Connection") -> None:
        number = secrets.token_hex(8)
        self._sent_at[number] = running_time()
        async with asyncio.timeout(self._bound):
            # Without parameters, and so without a prepared statement, which a pooler might lose.
            await prober.execute(f"SELECT pg_notify('{CHANNEL}', '{_PROBE}{number}')")

    def _receive(self, _connection: object, _process: int, _channel: str, message: str) -> None:
        if not message.startswith(_PROBE):
            self._publish(_user_id(message))
        elif sent_at := self._sent_at.pop(message.removeprefix(_PROBE), None):
            self._confirm(sent_at)


class SqliteFeed(InvalidationFeed):
    """SQLite marks the changes that make a copy wrong, by the triggers of migration 0021.

    The mark is looked at before each use of a copy, so no change is ever missed, whichever
    process made it. That takes microseconds: as long as no other connection has committed,
    neither the file nor its log is read.

    :param path: of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._subscribers: list[Subscriber] = []
        self._connection: sqlite3.Connection | None = None
        self._commits: object = None
        self._mark: tuple[object, object] | None = None
        self._was_live = True

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)

    def is_live(self) -> bool:
        before, problem = self._mark, ""
        try:
            self._look()
        except sqlite3.Error as error:  # the file is missing or incomplete
            self.close()
            problem = type(error).__name__
        if self._mark != before:
            for subscriber in self._subscribers:
                subscriber(None)
        self._log(problem)
        return self._mark is not None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._commits = self._mark = None

    def _look(self) -> None:
        """Read the mark again, if another connection has committed."""
        if self._connection is None:
            address = f"file:{quote(self._path)}?mode=rw"
            self._connection = sqlite3.connect(address, timeout=0, uri=True)
        commits = _value(self._connection, "PRAGMA data_version")
        if commits == self._commits:
            return
        # The schema has another number after a backup was restored into the file, too.
        schema = _value(self._connection, "PRAGMA schema_version")
        if self._mark is None or schema != self._mark[1]:
            _value(self._connection, _ALL_TRIGGERS)
        self._mark = _value(self._connection, "SELECT mark FROM invalidations"), schema
        self._commits = commits

    def _log(self, problem: str) -> None:
        if problem and self._was_live:
            log_disconnected("SQLite", problem)
        elif not problem and not self._was_live:
            log_connected("SQLite")
        self._was_live = not problem


_ALL_TRIGGERS = """
SELECT 1 FROM sqlite_schema
WHERE type = 'trigger' AND sql LIKE '%invalidations%SET mark = random()%'
GROUP BY type HAVING count(*) = 6
"""
"""Returns a row if the file has all triggers of migration 0021."""


def _value(connection: sqlite3.Connection, query: str) -> object:
    """
    :raises sqlite3.Error: there is none.
    """
    row = connection.execute(query).fetchone()
    if row is None:
        raise sqlite3.DataError(query)
    return row[0]


def _user_id(message: str) -> UserId | None:
    try:
        return UserId(UUID(message))
    except ValueError:  # all rows at once, or a notification by hand
        return None
