"""Connections to SQL databases: their pool, time-out and errors."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import Select, event, select, true
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from domain.errors import Unavailable
from infrastructure.storage.driver_errors import errors_of
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection import direct, pooler
from infrastructure.storage.sql.connection.direct import FoundRow, Statement
from infrastructure.storage.sql.connection.liveness import check_before_use
from infrastructure.storage.sql.connection.outdated import StatementOutdated
from infrastructure.storage.sql.connection.sqlite import prepare_connections
from infrastructure.storage.sql.connection.sqlite_connections import DURABLE, begin_immediate
from infrastructure.storage.sql.connection.sqlite_direct import Fetch, SqliteDirect
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.tables import sessions, users

if TYPE_CHECKING:
    import asyncpg

_T = TypeVar("_T")


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
            from infrastructure.storage.sql.connection.driver import (  # noqa: PLC0415 - see there
                DriverConnection,
            )

            driver_options["connection_class"] = DriverConnection
            driver_options["timeout"] = self._seconds
        self._driver_options = driver_options
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
        options_of_volatile: dict[str, Any] = {"isolation_level": level, DURABLE: False}
        self._volatile = self._engine.execution_options(**options_of_volatile)
        self._asking = asyncio.Lock()
        self._is_pooled: bool | None = None if is_postgresql else False
        self._sqlite: SqliteDirect | None = None
        if self._engine.dialect.name == "sqlite":
            self._sqlite = SqliteDirect(self._engine)
            for engine in (self._transactions, self._volatile):
                event.listen(engine.sync_engine, "begin", begin_immediate)
            prepare_connections(self._engine.sync_engine)
        else:
            check_before_use(self._engine.sync_engine)

    @asynccontextmanager
    async def connection(self, role: str) -> AsyncIterator[AsyncConnection]:
        """
        :param role: what the statements are for: in errors, metrics and traces.
        :raises Unavailable: the database does not answer in time.
        """
        async with self._in_time(role):
            # Behind a pooler, even one statement is sent in two steps to one server only in a
            # transaction.
            is_pooled = await self.is_pooled()
            opening = self._transactions.begin() if is_pooled else self._engine.connect()
            async with opening as connection:
                yield connection

    @asynccontextmanager
    async def transaction(
        self, role: str, *, durable: bool = True
    ) -> AsyncIterator[AsyncConnection]:
        """As :meth:`connection`, in one transaction. An error rolls it back.

        The caller needs :func:`repeat_outdated` if any statement returns rows.

        :param durable: whether it has to survive a power cut once it is acknowledged. Without
            that, SQLite need not wait for the disk.
        """
        async with self._in_time(role):
            await self.is_pooled()
            engine = self._transactions if durable else self._volatile
            async with engine.begin() as connection:
                yield connection

    async def fetch_one(
        self, role: str, statement: Statement, parameters: Mapping[str, Any]
    ) -> FoundRow | None:
        """Execute a statement that is its own transaction, and return its row, if there is one.

        :param role: see :meth:`connection`.
        :raises Unavailable: the database does not answer in time.
        """
        if self._is_direct:
            async with self._in_time(role):
                return await direct.fetch_one(self._engine, statement, parameters)
        if self._sqlite and isinstance(statement, Select):
            with suppress(sqlite3.Error), self._observe(role):
                return self._sqlite.read(statement, parameters)
        async with self.connection(role) as connection:
            return (await connection.execute(statement, parameters)).mappings().one_or_none()

    async def execute(self, role: str, statement: Statement, parameters: Mapping[str, Any]) -> int:
        """Execute a statement that is its own transaction, and return how many rows it changes.

        :param role: see :meth:`connection`.
        :raises Unavailable: the database does not answer in time.
        """
        if self._is_direct:
            async with self._in_time(role):
                return await direct.execute(self._engine, statement, parameters)
        if self._sqlite:
            async with self._in_time(role):
                return await self._sqlite.execute(statement, parameters)
        async with self.connection(role) as connection:
            return (await connection.execute(statement, parameters)).rowcount

    async def change_at_once(self, role: str, work: Callable[[Fetch], _T]) -> _T:
        """Make a transaction of short statements in SQLite that a power cut may undo.

        :param role: see :meth:`connection`.
        :raises Unavailable: the database does not answer in time.
        """
        if self._sqlite is None:
            raise TypeError("PostgreSQL waits for the disk")
        async with self._in_time(role):
            return await self._sqlite.change_at_once(work)

    @property
    def _is_direct(self) -> bool:
        """Whether it is PostgreSQL, and known to be behind no pooler: the first call finds out."""
        return self._is_pooled is False and self._engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def _in_time(self, role: str) -> AsyncIterator[None]:
        with self._observe(role), _translate_errors(role):
            async with asyncio.timeout(self._seconds):
                yield

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
            self._volatile = self._transactions
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
    async def dedicated_connection(self) -> AsyncIterator["asyncpg.Connection"]:
        """A connection of the driver to PostgreSQL, outside the pool and without a search path."""
        import asyncpg  # noqa: PLC0415 - SQLite does not need it

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
            if database._sqlite:
                database._sqlite.close()
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
        if isinstance(cause, errors_of("asyncpg", "InvalidCachedStatementError")):
            raise StatementOutdated(role) from error
        raise Unavailable(role) from error
    except errors_of("asyncpg", "PostgresError") as error:
        if _is_state_of_bug(getattr(error, "sqlstate", None)):
            raise
        raise Unavailable(role) from error
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(role) from error
    except errors_of("asyncpg", "InterfaceError") as error:
        raise Unavailable(role) from error


def _is_a_bug(error: DBAPIError) -> bool:
    """Whether the statement is wrong, and not the server: a bug must not look like an outage."""
    kinds = (ProgrammingError, DataError, IntegrityError)
    return isinstance(error, kinds) or _is_state_of_bug(getattr(error.orig, "sqlstate", None))


def _is_state_of_bug(state: str | None) -> bool:
    """:param state: of PostgreSQL, appendix A."""
    return (state or "").startswith(("22", "23", "42", "P0"))
