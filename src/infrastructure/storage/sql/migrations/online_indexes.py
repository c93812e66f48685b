"""Indexes of tables that a running service reads and writes meanwhile."""

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from infrastructure.storage.sql.migrations.locks import Patience, holder_of_locks

_SCHEMA = text("SELECT quote_ident(current_schema())")
_IS_VALID = text(
    "SELECT indisvalid FROM pg_index "
    "WHERE indexrelid = to_regclass(:name) AND indrelid = to_regclass(:of)"
)
_LOCK_HELD = (
    TimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,  # a statement_timeout of the role
)


def create_index(connection: Connection, name: str, on: str) -> None:
    """Create an index in a transaction, for which writers wait.

    :param on: the table and the indexed columns: ``users (created_at, id)``.
    """
    connection.execute(text(f"CREATE INDEX {name} ON {on}"))


async def create_concurrently(engine: AsyncEngine, name: str, on: str, patience: Patience) -> None:
    """Create an index in PostgreSQL, for which no statement waits.

    It waits for older transactions itself. An interrupted attempt leaves an invalid index, which
    is dropped here.

    :raises LocksHeld: there is no time left.
    """
    while True:
        async with engine.begin() as connection:
            schema = await connection.scalar(_SCHEMA)  # outside of a transaction, none is set
            names = {"name": f"{schema}.{name}", "of": f"{schema}.{on.partition(' ')[0]}"}
            is_valid = await connection.scalar(_IS_VALID, names)
        if is_valid:
            return
        statement = f"CREATE INDEX CONCURRENTLY {name} ON {schema}.{on}"
        if is_valid is not None:
            statement = f"DROP INDEX CONCURRENTLY {schema}.{name}"
        try:
            await _execute_alone(engine, statement, patience.left)
        except _LOCK_HELD:
            await patience.pause("" if patience.left > 0 else await holder_of_locks(engine))


async def _execute_alone(engine: AsyncEngine, statement: str, seconds: float) -> None:
    """Execute a statement outside of any transaction: in the simple protocol, in one message."""
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        if not isinstance(driver, asyncpg.Connection):
            raise TypeError("only PostgreSQL has concurrent indexes")
        await driver.execute(statement, timeout=max(seconds, 1))
