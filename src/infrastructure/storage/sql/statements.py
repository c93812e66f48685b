"""Statements that SQLAlchemy words differently for PostgreSQL and SQLite."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Table, select
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert


def insert_into(connection: AsyncConnection, table: Table) -> "PostgresInsert | SqliteInsert":
    """Return an ``INSERT`` that may have an ``ON CONFLICT``."""
    if connection.dialect.name == "sqlite":
        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - SQLite does not need it

    return insert(table)


def select_unlocked(
    table: Table, *conditions: ColumnElement[bool], order: ColumnElement[Any], limit: int
) -> Select[str]:
    """Lock at most ``limit`` of the rows that no other transaction has locked.

    PostgreSQL executes a common table expression once. A plain subquery it may execute for each
    row, and each time it would lock others.

    :param table: its primary key is ``id``.
    :returns: the ids of the locked rows. SQLite locks none: it has one writer at a time.
    """
    rows = select(table.c.id).where(*conditions).order_by(order).limit(limit)
    some = rows.with_for_update(skip_locked=True).cte()
    return select(some.c.id)
