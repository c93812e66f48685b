"""SQLite under an asynchronous engine: it reads at once, and waits for the disk on a thread.

A read takes microseconds, as long as handing it to a thread and back takes many of them. What
writes waits for the disk, and for other processes that write: that happens beside the event loop,
and so does a read that turns out to be long.
"""

import asyncio
import math
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.util.concurrency import await_
from typing_extensions import override

from infrastructure.storage.sql.connection.sqlite_connections import (
    Connection,
    Limit,
    make_durable,
    make_private,
    prepare,
)

_T = TypeVar("_T")

DRIVER = "sqlite+direct"
_THREADS = 2
LONG = 0.02
"""In seconds. A read that takes longer begins again on a thread of its own."""
_PAUSE = 0.005
"""In seconds: after it, a writer tries again whether another process still writes."""
_LONGEST_WAIT = 60
"""In seconds. Calls of the service have a shorter one (``STORE_TIMEOUT``)."""


class SqliteDialect(SQLiteDialect_pysqlite):
    """SQLite has one writer at a time. Those of one process take turns before they ask for it:
    SQLite itself would let them try again and again, in no order.
    """

    driver = "direct"
    supports_statement_cache = True
    is_async = True
    has_terminate = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn = asyncio.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._reading: ThreadPoolExecutor | None = None

    @classmethod
    @override
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return AsyncAdaptedQueuePool

    @override
    def create_connect_args(self, url: URL) -> Any:
        arguments, options = super().create_connect_args(url)
        own = {"factory": Connection, "check_same_thread": False, "timeout": 0}
        return arguments, {**options, **own}

    @override
    def do_execute(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        self._run(cursor, statement, lambda: cursor.execute(statement, parameters))

    @override
    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        self._run(cursor, statement, lambda: cursor.execute(statement))

    @override
    def do_executemany(
        self, cursor: Any, statement: str, parameters: Sequence[Any], context: Any = None
    ) -> None:
        self._run(cursor, statement, lambda: cursor.executemany(statement, parameters))

    def _run(self, cursor: Any, statement: str, execute: Callable[[], object]) -> None:
        connection: Connection = cursor.connection
        if connection.in_transaction:
            await_(_nothing())  # SQLAlchemy refuses drivers that never wait
            execute()
        elif statement.startswith(("SELECT", "PRAGMA")):
            await_(self._read(connection, execute))
        elif statement.startswith("BEGIN"):
            await_(self._begin(connection, execute))
        else:
            await_(self.write(connection, execute))

    @override
    def do_commit(self, dbapi_connection: Any) -> None:
        connection = dbapi_connection.driver_connection
        if connection.in_transaction and connection.is_durable:
            await_(self._aside(connection.commit))
        else:
            connection.commit()
        self._end(connection)

    @override
    def do_rollback(self, dbapi_connection: Any) -> None:
        connection = dbapi_connection.driver_connection
        connection.rollback()
        self._end(connection)

    @override
    def do_close(self, dbapi_connection: Any) -> None:
        dbapi_connection.close()
        self._end(dbapi_connection)

    @override
    def do_terminate(self, dbapi_connection: Any) -> None:
        self.do_close(dbapi_connection)

    def end_threads(self) -> None:
        """They start again with the next statement that needs one."""
        for threads in filter(None, (self._threads, self._reading)):
            threads.shutdown()
        self._threads = self._reading = None

    async def _read(self, connection: Connection, execute: Callable[[], object]) -> None:
        """Read at once, for a short time: other requests wait meanwhile."""
        connection.limit.until = time.monotonic() + LONG
        try:
            execute()
        except sqlite3.OperationalError as error:
            if not (_is_busy(error) or error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT):
                raise
        else:
            return
        finally:
            connection.limit.until = math.inf
        # It is long, or another process recovers the file.
        try:
            await self._patiently(lambda: self._read_aside(connection, execute))
        finally:
            connection.limit.until = math.inf

    async def _read_aside(self, connection: Connection, execute: Callable[[], object]) -> None:
        """Read on the one thread for that, so that long reads delay no write."""
        self._reading = self._reading or ThreadPoolExecutor(1, "sqlite-reading")
        await self._on(self._reading, execute, connection.limit)

    async def _begin(self, connection: Connection, execute: Callable[[], object]) -> None:
        async def begin() -> None:
            execute()  # it takes a lock, and waits for nothing

        await self._turn.acquire()
        connection.writes = True
        try:
            await self._patiently(begin)
        except BaseException:
            self._end(connection)
            raise

    def _end(self, connection: Connection) -> None:
        if connection.writes:
            connection.writes = False
            self._turn.release()

    async def write(self, connection: Connection, execute: Callable[[], object]) -> None:
        """Execute one statement that is a transaction of its own."""
        async with self._turn:
            make_durable(connection, wanted=True)
            await self._patiently(lambda: self._aside(execute))

    @asynccontextmanager
    async def volatile_transaction(self, connection: Connection) -> AsyncIterator[None]:
        """Make a transaction that does not wait for the disk, and is short.

        :param connection: of all that share it, one makes a transaction at a time.
        """

        def begin() -> None:
            make_durable(connection, wanted=False)
            connection.execute("BEGIN IMMEDIATE")

        await self._begin(connection, begin)
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            self._end(connection)

    async def _patiently(self, execute: Callable[[], Awaitable[object]]) -> None:
        """Wait for other processes: until the time limit of the caller, if there is one."""
        patience = time.monotonic() + _LONGEST_WAIT
        while True:
            try:
                await execute()
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > patience:
                    raise
            else:
                return
            await asyncio.sleep(_PAUSE)

    async def _aside(self, work: Callable[[], _T]) -> _T:
        self._threads = self._threads or ThreadPoolExecutor(_THREADS, "sqlite")
        return await self._on(self._threads, work)

    async def _on(
        self, threads: ThreadPoolExecutor, work: Callable[[], _T], limit: Limit | None = None
    ) -> _T:
        """Work on a thread. A caller that is cancelled waits for it: nothing else may use the
        connection meanwhile.

        :param limit: of work that ends early then.
        """
        working = asyncio.get_running_loop().run_in_executor(threads, work)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            if limit:
                limit.until = -math.inf
            while not working.done():  # it may be cancelled more than once
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([working])
            working.exception()  # asyncio would log one that no code has asked for
            raise


def open_connection(dialect: SqliteDialect, url: URL) -> Connection:
    """Open a connection outside the pool. Each statement is its own transaction."""
    arguments, options = dialect.create_connect_args(url)
    make_private(None, None, arguments, None)
    connection: Connection = sqlite3.connect(*arguments, **options)
    connection.isolation_level = None
    prepare(connection, None)
    return connection


def prepare_connections(engine: sqlalchemy.Engine) -> None:
    """Prepare the file, and each connection to it."""
    event.listen(engine, "do_connect", make_private)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "engine_disposed", _end_threads)


def _end_threads(engine: sqlalchemy.Engine) -> None:
    if isinstance(engine.dialect, SqliteDialect):
        engine.dialect.end_threads()


async def _nothing() -> None: ...


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


registry.register("sqlite.direct", __name__, SqliteDialect.__name__)
