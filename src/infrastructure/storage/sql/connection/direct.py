"""Single statements for PostgreSQL on connections of the pool, with nothing else in between.

SQLAlchemy's engine and results take several times the CPU of the driver. It still writes the
statements and keeps the connections.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Dialect, Select, UpdateBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

Statement: TypeAlias = Select[Any] | UpdateBase
"""That returns at most one row. It is made once, and not for each call: its text is kept. Its
columns have types that the driver reads and writes by itself.
"""


class FoundRow(Protocol):
    """A row that was read, by the driver or by SQLAlchemy: its values by the names of columns."""

    def __getitem__(self, column: str, /) -> Any: ...


async def fetch_one(
    engine: AsyncEngine, statement: Statement, parameters: Mapping[str, Any]
) -> FoundRow | None:
    """Execute a statement that is its own transaction, and return its row, if there is one."""
    compiled = _compile(statement)
    async with _driver(engine) as driver:
        row: FoundRow | None = await driver.fetchrow(compiled.text, *compiled.in_order(parameters))
    return row


async def execute(engine: AsyncEngine, statement: Statement, parameters: Mapping[str, Any]) -> int:
    """Execute a statement that is its own transaction, and return how many rows it has changed."""
    compiled = _compile(statement)
    async with _driver(engine) as driver:
        tag: str = await driver.execute(compiled.text, *compiled.in_order(parameters))
    return int(tag.rpartition(" ")[2])


@asynccontextmanager
async def _driver(engine: AsyncEngine) -> AsyncIterator[Any]:
    """Take a connection of the driver from the pool, and return it.

    :raises DBAPIError: as the engine does, if there is no connection.
    """
    try:
        connection = await greenlet_spawn(engine.sync_engine.pool.connect)
    except engine.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(None, None, error) from error
    try:
        yield connection.driver_connection
    except BaseException:
        await greenlet_spawn(connection.invalidate)  # its answer may still be on the way
        raise
    await greenlet_spawn(connection.close)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """
    :ivar names: of the parameters, in their order.
    :ivar constants: the values that the statement itself has; ``None`` of the parameters.
    """

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def in_order(self, parameters: Mapping[str, Any]) -> list[Any]:
        values = {**self.constants, **parameters}
        return [values[name] for name in self.names]


@cache
def _compile(statement: Statement) -> _Compiled:
    compiled = statement.compile(dialect=_dialect())
    names = tuple(compiled.positiontup or ())
    constants = {name: compiled.binds[name].value for name in names}
    return _Compiled(compiled.string, names, constants)


@cache
def _dialect() -> Dialect:
    from sqlalchemy.dialects.postgresql.asyncpg import (  # noqa: PLC0415 - SQLite does not need it
        PGDialect_asyncpg,
    )

    return PGDialect_asyncpg()  # type: ignore[no-untyped-call] # it has no annotations
