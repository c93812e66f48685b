"""The rows of one table, and how they are changed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Executable, Table, delete, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit_event import Event
from infrastructure.storage.sql import audit_chain as chain
from infrastructure.storage.sql.database import Database

Row = Mapping[str, Any]
Check = Callable[[AsyncConnection], Awaitable[None]]


@dataclass(slots=True)
class Change:
    """
    :ivar rows: how many were changed.
    """

    rows: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, found by the values of some of their columns."""

    database: Database
    table: Table

    async def one(self, **values: object) -> RowMapping | None:
        query = select(self.table).where(*self.where(values))
        async with self.connection() as connection:
            return (await connection.execute(query)).mappings().one_or_none()

    async def insert(self, row: Row, event: Event | None = None) -> None:
        await self.change(insert(self.table).values(row), event)

    async def swap(self, old: Row, new: Row, event: Event | None = None) -> bool:
        statement = update(self.table).where(*self.where(old)).values(new)
        return await self.change(statement, event) == 1

    async def delete(self, event: Event | None = None, **values: object) -> None:
        await self.change(delete(self.table).where(*self.where(values)), event)

    async def change(
        self, statement: Executable, event: Event | None = None, check: Check | None = None
    ) -> int:
        """
        :param event: is recorded in the same step, if anything is changed and the audit log is in
            this database.
        :param check: is made in the same step, before; it raises, or the change is made.
        :returns: how many rows were changed.
        """
        if check is None and (event is None or self.database.recorded is None):
            async with self.connection() as connection:
                return (await connection.execute(statement)).rowcount
        async with self.recording(event) as (connection, change):
            if check:
                await check(connection)
            change.rows = (await connection.execute(statement)).rowcount
        return change.rows

    @asynccontextmanager
    async def recording(
        self, event: Event | None
    ) -> AsyncIterator[tuple[AsyncConnection, Change]]:
        """A transaction, in which the event is recorded if any row is changed and the audit log is
        in this database.
        """
        change = Change()
        recorded = self.database.recorded
        async with self.database.transaction(self.table.name) as connection:
            yield connection, change
            if change.rows and event and recorded:
                await chain.append(connection, [event])
        if change.rows and event and recorded:
            recorded.add(event.id)

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.database.connection(self.table.name)

    def where(self, values: Row) -> list[ColumnElement[bool]]:
        return [self.table.c[name] == value for name, value in values.items()]
