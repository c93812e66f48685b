"""SQLite under an asynchronous engine: it reads at once, and waits for the disk on a thread.

A read takes microseconds, as long as handing it to a thread and back takes many of them. What
writes waits for the disk, and for other processes that write: that happens beside the event loop,
and so does a read that turns out to be long.
"""

import asyncio
import math
import os
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
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

_T = TypeVar("_T")

DRIVER = "sqlite+direct"
_THREADS = 2
LONG = 0.02
"""In seconds. A read that takes longer begins again on a thread of its own."""
_STEPS = 10_000
"""Instructions of SQLite's machine, well below a millisecond, between two looks at the clock."""
_PAUSE = 0.005
"""In seconds: after it, a writer tries again whether another process still writes."""
_LONGEST_WAIT = 60
"""In seconds. Calls of the service have a shorter one (``STORE_TIMEOUT``)."""
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
    _make_private(None, None, arguments, None)
    connection: Connection = sqlite3.connect(*arguments, **options)
    connection.isolation_level = None
    _prepare(connection, None)
    return connection


def prepare_connections(engine: sqlalchemy.Engine) -> None:
    """Prepare the file, and each connection to it."""
    event.listen(engine, "do_connect", _make_private)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "engine_disposed", _end_threads)


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


def _end_threads(engine: sqlalchemy.Engine) -> None:
    if isinstance(engine.dialect, SqliteDialect):
        engine.dialect.end_threads()


def _make_private(
    _dialect: object, _record: object, arguments: list[Any], _options: object
) -> None:
    """Create a new SQLite file for its owner only: SQLite itself uses the umask.

    An existing file is not opened: closing it would release the locks that SQLite holds on it in
    this process ("How To Corrupt An SQLite Database File", section 2.2).
    """
    with suppress(OSError):  # it exists, or SQLite reports the error better
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _prepare(connection: Any, _record: object) -> None:
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


async def _nothing() -> None: ...


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


registry.register("sqlite.direct", __name__, SqliteDialect.__name__)
