"""Hears of changes from PostgreSQL and SQLite."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

import asyncpg

from domain.user import UserId
from infrastructure.clock import running_time
from infrastructure.storage.near_cache.invalidation_feed import (
    ConnectedFeed,
    Follower,
    InvalidationFeed,
)
from infrastructure.storage.sql.database import Database

_QUESTION = "? "
CHANNEL = "doorward_changes"
"""On which the triggers of migration 0003 tell whose rows were changed, with the commit."""


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

    The questions are notifications as well, sent from *another* connection. So a pool in between
    that lends its connections to PostgreSQL for one transaction at a time is noticed: what nobody
    passes on to the listener answers no question. And each can be answered once, by its number,
    which nobody knows before: whoever may notify cannot answer in advance.
    """

    def __init__(self, database: Database, bound: timedelta) -> None:
        super().__init__("PostgreSQL", bound)
        self._database = database
        self._asked: dict[str, float] = {}  # when, by the question's number

    async def _listen(self) -> None:
        self._asked.clear()
        lone = self._database.lone_connection
        async with lone() as listener, lone() as asker:
            async with asyncio.timeout(self._bound):
                await listener.add_listener(CHANNEL, self._hear)
            self._begin()
            while True:
                await self._ask(asker)
                await asyncio.sleep(self._pause)
                self._check_answers()

    async def _ask(self, asker: asyncpg.Connection) -> None:
        number = secrets.token_hex(8)
        self._asked[number] = running_time()
        async with asyncio.timeout(self._bound):
            await asker.execute("SELECT pg_notify($1, $2)", CHANNEL, _QUESTION + number)

    def _hear(self, _connection: object, _process: int, _channel: str, message: str) -> None:
        if not message.startswith(_QUESTION):
            self._tell(_user_id(message))
        elif asked_at := self._asked.pop(message.removeprefix(_QUESTION), None):
            self._answered(asked_at)


class SqliteFeed(InvalidationFeed):
    """SQLite counts the commits of other connections. To look at the count takes microseconds and
    no network, so it is done each time: no change is ever missed, whichever process made it.

    :param path: of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._followers: list[Follower] = []
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def is_live(self) -> bool:
        try:
            version = self._look()
        except sqlite3.Error:  # the file is not there, or is not whole
            self.close()
            version = None
        if version != self._version:
            self._version = version
            for follower in self._followers:
                follower(None)
        return version is not None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _look(self) -> int:
        if self._connection is None:
            address = f"file:{quote(self._path)}?mode=rw"
            self._connection = sqlite3.connect(address, timeout=0, uri=True)
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _user_id(message: str) -> UserId | None:
    try:
        return UserId(UUID(message))
    except ValueError:  # all rows at once, or somebody's notification by hand
        return None
