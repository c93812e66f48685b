"""Checks that the tables can be written, and leaves no row behind."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Executable, String, Table, delete, false, insert, select, update

from infrastructure.storage.options import Role
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import (
    UtcDateTime,
    audit_chain,
    audit_events,
    one_time_tokens,
    outbox,
    rate_limits,
    sessions,
    users,
)

_TABLES = {"users": (users, one_time_tokens, outbox), "sessions": (sessions, rate_limits)}


async def check_writes(database: Database, role: Role) -> None:
    """Insert, update and delete a row of each table of the role, and roll back.

    So no trigger notifies and no lock stays. A server that is read-only, a role without the
    privilege and a schema of another version all refuse that.

    :raises Unavailable: the database does not answer in time, or is read-only.
    :raises DBAPIError: a statement is refused.
    """
    async with database.transaction("health") as connection:
        for statement in _statements(role):
            await connection.execute(statement)
        await connection.rollback()


def _statements(role: Role) -> Iterator[Executable]:
    for table in _TABLES[role]:
        row, [key] = _sample_row(table), table.primary_key.columns
        yield insert(table).values(row)
        yield update(table).where(key == row[key.name]).values(row)
        yield delete(table).where(key == row[key.name])
    if role == "users":  # the audit log is append-only, and its one head is locked by its writers
        yield insert(audit_events).from_select(
            [*audit_events.c], select(audit_events).where(false())
        )
        yield update(audit_chain).where(false()).values(last_number=0)


def _sample_row(table: Table) -> dict[str, Any]:
    """Return a value for each column that needs one; texts have letters of every language."""
    return {
        column.name: _sample(column)
        for column in table.c
        if not column.nullable and column.server_default is None
    }


def _sample(column: Column[Any]) -> Any:
    if isinstance(column.type, UtcDateTime):
        return datetime.now(UTC)
    if isinstance(column.type, String):
        return f"李{secrets.token_hex(15)}"[: column.type.length]
    return {int: 0, bool: False, UUID: uuid4()}[column.type.python_type]
