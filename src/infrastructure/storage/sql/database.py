"""Connections to SQL databases: their pool, time-out and errors."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, Self

import asyncpg
from sqlalchemy import Connection, event, select, true
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from domain.errors import Unavailable
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection import pooler
from infrastructure.storage.sql.connection.driver import DriverConnection, StatementOutdated
from infrastructure.storage.sql.connection.liveness import check_before_use
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.tables import sessions, users


class Database:
    """A pool of connections, with the port's time-out and the port's error.

    :param url: ``postgresql://…`` or ``sqlite:///path``.
    :raises InvalidUrl: see :func:`connect_options`.
    :ivar has_audit_log: whether the audit log is in this database.
    """

    def __init__(self, url: str, options: StoreOptions) -> None:
        parsed, driver_options = connect_options(url)
        self.has_audit_log = options.has_audit_log
        self._seconds = options.timeout.total_seconds()
        self._observe = partial(options.observer, parsed.get_backend_name())
        is_postgresql = parsed.get_backend_name() == "postgresql"
        if is_postgresql:
            driver_options["connection_class"] = DriverConnection
        self._driver_options = {"timeout": self._seconds, **driver_options}
        self._engine_options: dict[str, Any] = {
            "hide_parameters": True,  # parameters have addresses and hashes, and errors are logged
            "pool_size": options.pool_size,
            "max_overflow": 0,
        }
        self._engine = create_async_engine(
            parsed,
            isolation_level="AUTOCOMMIT",
            connect_args=self._driver_options,
            **self._engine_options,
        )
        level = "READ COMMITTED" if is_postgresql else "SERIALIZABLE"
        self._transactions = self._engine.execution_options(isolation_level=level)
        self._asking = asyncio.Lock()
        self._is_pooled: bool | None = None if is_postgresql else False
        if self._engine.dialect.name == "sqlite":
            event.listen(self._transactions.sync_engine, "begin", begin_immediate)
            event.listen(self._engine.sync_engine, "do_connect", make_private)
            event.listen(self._engine.sync_engine, "connect", prepare_sqlite)
        else:
            check_before_use(self._engine.sync_engine)

    @asynccontextmanager
    async def connection(self, role: str) -> AsyncIterator[AsyncConnection]:
        """
        :param role: what the statements are for: in errors, metrics and traces.
        :raises Unavailable: the database does not answer in time.
        """
        with self._observe(role), _translate_errors(role):
            async with asyncio.timeout(self._seconds):
                # Behind a pooler, even one statement is sent in two steps to one server only in a
                # transaction.
                is_pooled = await self.is_pooled()
                opening = self._transactions.begin() if is_pooled else self._engine.connect()
                async with opening as connection:
                    yield connection

    @asynccontextmanager
    async def transaction(self, role: str) -> AsyncIterator[AsyncConnection]:
        """As :meth:`connection`, in one transaction. An error rolls it back.

        The caller needs :func:`repeat_outdated` if any statement returns rows.
        """
        with self._observe(role), _translate_errors(role):
            async with asyncio.timeout(self._seconds):
                await self.is_pooled()
                async with self._transactions.begin() as connection:
                    yield connection

    async def is_pooled(self) -> bool:
        """Whether a connection pooler is between this process and PostgreSQL.

        The first call finds out, with a connection of its own, and decides how all others connect.
        """
        if self._is_pooled is None:
            async with self._asking:
                if self._is_pooled is None:
                    self._is_pooled = await self._find_pooler()
        return self._is_pooled

    async def _find_pooler(self) -> bool:
        async with self.dedicated_connection() as connection:
            is_pooled = await pooler.is_pooled(connection)
        if is_pooled:
            self._transactions = pooler.stateless_engine(
                self._engine.url,
                self._driver_options,
                isolation_level="READ COMMITTED",
                **self._engine_options,
            )
            check_before_use(self._transactions.sync_engine)
        return is_pooled

    async def ping(self) -> None:
        """Check that the database answers, has the tables and lets this user read them.

        :raises Unavailable: it does not answer in time.
        """
        tables = users.join(sessions, true())
        async with self.connection("health") as connection:
            await connection.execute(select(1).select_from(tables).limit(0))

    @property
    def file(self) -> str | None:
        """The path of an SQLite file."""
        url = self._engine.url
        return url.database if url.get_backend_name() == "sqlite" else None

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the driver to PostgreSQL, outside the pool and without a search path."""
        _, place = self._engine.dialect.create_connect_args(self._engine.url)
        options = pooler.without_search_path(self._driver_options)
        connection = await asyncpg.connect(**place, **options)
        try:
            yield connection
        finally:
            connection.terminate()  # a silent server would never confirm a close()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, options: StoreOptions) -> AsyncIterator[Self]:
        database = cls(url, options)
        try:
            yield database
        finally:
            await database._transactions.dispose()
            await database._engine.dispose()


@contextmanager
def _translate_errors(role: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _is_a_bug(error):
            raise
        cause = error.orig and error.orig.__cause__
        if isinstance(cause, asyncpg.InvalidCachedStatementError):
            raise StatementOutdated(role) from error
        raise Unavailable(role) from error
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise Unavailable(role) from error


def _is_a_bug(error: DBAPIError) -> bool:
    """Whether the statement is wrong, and not the server: a bug must not look like an outage."""
    state = getattr(error.orig, "sqlstate", None) or ""  # PostgreSQL, appendix A
    kinds = (ProgrammingError, DataError, IntegrityError)
    return isinstance(error, kinds) or state.startswith(("22", "23", "42", "P0"))


def begin_immediate(connection: Connection) -> None:
    """Lock at once: Python's sqlite3 begins a transaction only before its first change."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def make_private(
    _dialect: object, _record: object, arguments: list[Any], _options: object
) -> None:
    """Create a new SQLite file for its owner only: SQLite itself uses the umask.

    An existing file is not opened: closing it would release the locks that SQLite holds on it in
    this process ("How To Corrupt An SQLite Database File", section 2.2).
    """
    with suppress(OSError):  # it exists, or SQLite reports the error better
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    _switch_to_wal(cursor)  # readers and the one writer do not block
    cursor.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """Needed once for each file. SQLite does not wait for other processes that do the same."""
    patience = time.monotonic() + 5
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.005)
        else:
            return
