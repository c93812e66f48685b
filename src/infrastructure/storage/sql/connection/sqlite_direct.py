"""Single statements for SQLite on connections of their own, with nothing else in between.

SQLAlchemy's engine, pool and results take several times the CPU of SQLite itself. It still writes
the statements and converts the values.
"""

import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeEngine

from infrastructure.storage.sql.connection.direct import FoundRow, Statement
from infrastructure.storage.sql.connection.sqlite import LONG, SqliteDialect, open_connection
from infrastructure.storage.sql.connection.sqlite_connections import Connection

_T = TypeVar("_T")
_Convert: TypeAlias = Callable[[Any], Any] | None
Fetch: TypeAlias = Callable[[Statement, Mapping[str, Any]], Any]
"""Execute a statement in a transaction, and return its :class:`FoundRow`, if there is one."""


class SqliteDirect:
    """
    One connection reads. Two others write, in the turns of all that write in this process: one
    waits for the disk, and the other does not.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._url = engine.url
        self._dialect = cast(SqliteDialect, engine.sync_engine.dialect)
        self._reader: Connection | None = None
        self._writers: dict[bool, Connection] = {}

    def read(self, statement: Statement, parameters: Mapping[str, Any]) -> FoundRow | None:
        """
        :raises sqlite3.Error: such as that another process recovers the file, or that the machine
            is so busy that it takes long. A connection of the pool can wait for that.
        """
        self._reader = self._reader or open_connection(self._dialect, self._url)
        self._reader.limit.until = time.monotonic() + LONG
        try:
            return _compile(statement).fetch(self._reader, parameters)
        finally:
            self._reader.limit.until = math.inf

    async def execute(self, statement: Statement, parameters: Mapping[str, Any]) -> int:
        """Execute a statement that is its own transaction, and wait for the disk.

        :returns: how many rows it has changed.
        """
        compiled = _compile(statement)
        changed = 0

        def work() -> None:
            nonlocal changed
            changed = compiled.execute(connection, parameters).rowcount

        with _translate_errors(compiled.text, self._dialect):
            connection = self._writer(is_durable=True)
            await self._dialect.write(connection, work)
        return changed

    async def change_at_once(self, work: Callable[[Fetch], _T]) -> _T:
        """Make a transaction of short statements that does not wait for the disk."""

        def fetch(statement: Statement, parameters: Mapping[str, Any]) -> FoundRow | None:
            return _compile(statement).fetch(connection, parameters)

        with _translate_errors("", self._dialect):
            connection = self._writer(is_durable=False)
            async with self._dialect.volatile_transaction(connection):
                return work(fetch)

    def close(self) -> None:
        for connection in filter(None, (self._reader, *self._writers.values())):
            connection.close()
        self._reader = None
        self._writers.clear()

    def _writer(self, *, is_durable: bool) -> Connection:
        if is_durable not in self._writers:
            self._writers[is_durable] = open_connection(self._dialect, self._url)
        return self._writers[is_durable]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """
    :ivar parameters: their names, in order, and what SQLite gets of their values.
    :ivar constants: the values that the statement itself has; ``None`` of the parameters.
    :ivar columns: of a row: their names, and what becomes of their values.
    """

    text: str
    parameters: tuple[tuple[str, _Convert], ...]
    constants: Mapping[str, Any]
    columns: tuple[tuple[str, _Convert], ...]

    def execute(self, connection: Connection, parameters: Mapping[str, Any]) -> sqlite3.Cursor:
        given = {**self.constants, **parameters}
        values = [
            convert(given[name]) if convert else given[name] for name, convert in self.parameters
        ]
        return connection.execute(self.text, values)

    def fetch(self, connection: Connection, parameters: Mapping[str, Any]) -> FoundRow | None:
        row = self.execute(connection, parameters).fetchone()
        if row is None:
            return None
        return {
            name: convert(value) if convert else value
            for (name, convert), value in zip(self.columns, row, strict=True)
        }


@cache
def _compile(statement: Statement) -> _Compiled:
    dialect = SqliteDialect()
    compiled = statement.compile(dialect=dialect)
    names = compiled.positiontup or ()
    return _Compiled(
        compiled.string,
        tuple((name, _writer_of(compiled.binds[name].type, dialect)) for name in names),
        {name: compiled.binds[name].value for name in names},
        tuple((each.name, _reader_of(each.type, dialect)) for each in statement.exported_columns),
    )


def _writer_of(of_value: TypeEngine[Any], dialect: Dialect) -> _Convert:
    return of_value.dialect_impl(dialect).bind_processor(dialect)


def _reader_of(of_value: TypeEngine[Any], dialect: Dialect) -> _Convert:
    return of_value.dialect_impl(dialect).result_processor(dialect, None)


@contextmanager
def _translate_errors(text: str, dialect: Dialect) -> Iterator[None]:
    """Raise the errors that SQLAlchemy raises. They name no parameters."""
    try:
        yield
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            text, None, error, sqlite3.Error, hide_parameters=True, dialect=dialect
        ) from error
