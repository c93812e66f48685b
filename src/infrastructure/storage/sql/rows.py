"""The rows of one table, and how they are changed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    Table,
    Update,
    UpdateBase,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import NO_EFFECTS, UNCHANGED, Effects, Stored
from infrastructure.storage.sql.connection.direct import FoundRow, Statement
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.effects import EffectRefused, store
from infrastructure.storage.sql.statements import select_unlocked

Row = Mapping[str, Any]
_Shape = tuple[tuple[str, bool], ...]
_OLD, _NEW = "old_", "new_"
"""Before the names of columns, in those of parameters. Statements are made once: SQLAlchemy takes
longer to put one together than SQLite to execute it.
"""
Step = Callable[[AsyncConnection], Awaitable[None]]
"""Of a transaction."""


@dataclass(slots=True)
class Change:
    """A transaction that changes rows.

    :ivar rows: how many were changed.
    :ivar effects_stored: whether the effects of the change were stored.
    """

    connection: AsyncConnection
    rows: int = 0
    effects_stored: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, found by the values of some of their columns."""

    database: Database
    table: Table

    async def one(self, **values: object) -> FoundRow | None:
        query = _selecting(self.table, _shape(values))
        return await self.database.fetch_one(self.table.name, query, _old(values))

    async def fetch_one(self, statement: Statement, **parameters: object) -> FoundRow | None:
        """Execute a statement that was made once, and return its row, if there is one."""
        return await self.database.fetch_one(self.table.name, statement, parameters)

    async def take(self, row_id: str) -> FoundRow | None:
        """Delete the row and return it: of parallel calls one gets it."""
        return await self.fetch_one(_taking(self.table), row_id=row_id)

    async def insert(
        self, row: Row, effects: Effects = NO_EFFECTS, then: Step | None = None
    ) -> Stored[bool]:
        statement = _inserting(self.table, tuple(row))
        return await self.change(statement, effects, then=then, parameters=row)

    async def swap(
        self,
        old: Row,
        new: Row,
        effects: Effects = NO_EFFECTS,
        check: Step | None = None,
        then: Step | None = None,
    ) -> Stored[bool]:
        statement = _replacing(self.table, _shape(old), tuple(new))
        parameters = {**_old(old), **{_NEW + name: value for name, value in new.items()}}
        return await self.change(statement, effects, check, parameters, then)

    async def delete(self, effects: Effects = NO_EFFECTS, **values: object) -> Stored[bool]:
        statement = _deleting(self.table, _shape(values))
        return await self.change(statement, effects, parameters=_old(values))

    async def delete_before(
        self,
        column: ColumnElement[datetime],
        before: datetime,
        limit: int,
        *conditions: ColumnElement[bool],
    ) -> int:
        """Delete at most ``limit`` rows whose column has an earlier time, the earliest first.

        :param conditions: that the rows also fulfil.
        :returns: how many. Rows that another transaction has locked stay.
        """
        some = select_unlocked(self.table, column < before, *conditions, order=column, limit=limit)
        statement = delete(self.table).where(self.table.c.id.in_(some))
        async with self.connection() as connection:
            # SQLite's driver does not count the rows of a statement with a table expression.
            deleted = await connection.scalars(statement.returning(self.table.c.id))
            return len(deleted.all())

    async def change(
        self,
        statement: UpdateBase,
        effects: Effects = NO_EFFECTS,
        check: Step | None = None,
        parameters: Row | None = None,
        then: Step | None = None,
    ) -> Stored[bool]:
        """Execute one statement that changes rows, and store its effects.

        :param check: runs before, in the same transaction; the change is made unless it raises.
        :param then: runs after, in the same transaction, if any row was changed; if it raises
            :class:`EffectRefused`, nothing is changed.
        :param parameters: of a statement that was made once; ``None`` of one that has its values.
        """
        has_effects = self.database.has_audit_log and effects != NO_EFFECTS
        if check is None and then is None and not has_effects:
            if parameters is not None:
                rows = await self.database.execute(self.table.name, statement, parameters)
                return Stored(rows > 0)
            async with self.connection() as connection:
                rows = (await connection.execute(statement, parameters)).rowcount
            return Stored(rows > 0)
        return await self._change_with_effects(statement, effects, check, parameters, then)

    @repeat_outdated
    async def _change_with_effects(
        self,
        statement: UpdateBase,
        effects: Effects,
        check: Step | None,
        parameters: Row | None,
        then: Step | None,
    ) -> Stored[bool]:
        try:
            async with self.changing(effects) as change:
                if check:
                    await check(change.connection)
                done = await change.connection.execute(statement, parameters)
                change.rows = done.rowcount
                if then and change.rows:
                    await then(change.connection)
        except EffectRefused:
            return UNCHANGED
        return Stored(change.rows > 0, change.effects_stored)

    @asynccontextmanager
    async def changing(self, effects: Effects) -> AsyncIterator[Change]:
        """Open a transaction that stores the effects last, if any row is changed and the audit log
        is in this database. The caller needs :func:`repeat_outdated`.
        """
        async with self.database.transaction(self.table.name) as connection:
            change = Change(connection)
            yield change
            if change.rows:
                change.effects_stored = await store(self.database, connection, effects)

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.database.connection(self.table.name)

    def where(self, values: Row) -> list[ColumnElement[bool]]:
        return [self.table.c[name] == value for name, value in values.items()]


@cache
def _selecting(table: Table, shape: _Shape) -> Select[Any]:
    return select(table).where(*_conditions(table, shape))


@cache
def _inserting(table: Table, names: tuple[str, ...]) -> Insert:
    return insert(table).values(
        {name: bindparam(name, type_=table.c[name].type) for name in names}
    )


@cache
def _taking(table: Table) -> Statement:
    return delete(table).where(table.c.id == bindparam("row_id")).returning(table)


@cache
def _replacing(table: Table, shape: _Shape, names: tuple[str, ...]) -> Update:
    values = {name: bindparam(_NEW + name, type_=table.c[name].type) for name in names}
    return update(table).where(*_conditions(table, shape)).values(values)


@cache
def _deleting(table: Table, shape: _Shape) -> Delete:
    return delete(table).where(*_conditions(table, shape))


def _conditions(table: Table, shape: _Shape) -> list[ColumnElement[bool]]:
    return [
        table.c[name].is_(None)
        if is_null
        else table.c[name] == bindparam(_OLD + name, type_=table.c[name].type)
        for name, is_null in shape
    ]


def _shape(values: Row) -> _Shape:
    """Return on what a statement about these values depends: SQL compares with no null."""
    return tuple((name, value is None) for name, value in values.items())


def _old(values: Row) -> Row:
    return {_OLD + name: value for name, value in values.items() if value is not None}
