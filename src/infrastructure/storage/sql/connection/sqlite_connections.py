"""Connections to SQLite: their rows, how long they read, and how durable their commits are."""

import math
import os
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import sqlalchemy

_STEPS = 10_000
"""Instructions of SQLite's machine, well below a millisecond, between two looks at the clock."""
DURABLE = "durable"
"""An option of transactions: whether they survive a power cut once they are acknowledged."""


class Cursor(sqlite3.Cursor):
    """Reads all rows at once: a statement that returns rows ends, and commits, with the last."""

    _read: deque[Any]

    def execute(self, *arguments: Any) -> "Cursor":
        super().execute(*arguments)
        self._read = deque(super().fetchall())
        return self

    def executemany(self, *arguments: Any) -> "Cursor":
        super().executemany(*arguments)
        self._read = deque()
        return self

    def fetchone(self) -> Any:
        return self._read.popleft() if self._read else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        count = min(self.arraysize if size is None else size, len(self._read))
        return [self._read.popleft() for _ in range(count)]

    def fetchall(self) -> list[Any]:
        return self.fetchmany(len(self._read))

    async def _async_soft_close(self) -> None:
        """SQLAlchemy calls this of a cursor whose rows are wanted: they are here already."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override] # the rows that are left
        return iter(self.fetchall())


class Limit:
    """
    :ivar until: when a statement is interrupted, by the monotonic clock.
    """

    until = math.inf

    def is_over(self) -> bool:
        return time.monotonic() > self.until


class Connection(sqlite3.Connection):
    """
    :ivar writes: whether it has the only place of this process to write.
    :ivar is_durable: whether a commit waits for the disk.
    :ivar limit: of the statement that it executes.
    """

    writes = False
    is_durable = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.limit = Limit()
        self.set_progress_handler(self.limit.is_over, _STEPS)

    def cursor(self, _factory: object = None) -> Cursor:  # type: ignore[override]
        return super().cursor(Cursor)


def begin_immediate(connection: sqlalchemy.Connection) -> None:
    """Lock at once: Python's sqlite3 begins a transaction only before its first change."""
    raw: Any = connection.connection.driver_connection
    make_durable(raw, wanted=connection.get_execution_options().get(DURABLE, True))
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def make_durable(connection: Connection, *, wanted: bool) -> None:
    """Choose whether the next commits wait for the disk.

    Those that do not wait leave it to others to move what was committed from the log into the
    file, too. A later commit that waits saves them with its own changes.
    """
    if connection.is_durable != wanted:
        connection.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {1000 if wanted else 0}")
        connection.is_durable = wanted


def make_private(
    _dialect: object, _record: object, arguments: list[Any], _options: object
) -> None:
    """Create a new SQLite file for its owner only: SQLite itself uses the umask.

    An existing file is not opened: closing it would release the locks that SQLite holds on it in
    this process ("How To Corrupt An SQLite Database File", section 2.2).
    """
    with suppress(OSError):  # it exists, or SQLite reports the error better
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def prepare(connection: Any, _record: object) -> None:
    """Prepare a new connection, and its file."""
    _switch_to_wal(connection)  # readers and the one writer do not block
    make_durable(connection, wanted=True)


def _switch_to_wal(connection: Any) -> None:
    """Needed once for each file. SQLite does not wait for other processes that do the same."""
    patience = time.monotonic() + 5
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.005)
        else:
            return
