"""The revision of a database, without Alembic.

A start asks for it, and most databases are at the newest one: then Alembic, which takes a tenth of
a second and 8 MB, is not imported. ``runner.py`` migrates.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from infrastructure.storage.sql.connection.pooler import stateless_engine, without_settings
from infrastructure.storage.sql.connection.sqlite import prepare_connections
from infrastructure.storage.sql.connection.sqlite_connections import begin_immediate
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.migrations.email_keys import rekey
from infrastructure.storage.sql.migrations.locks import LOCK_TIMEOUT

_PACKAGED = Path(__file__).resolve().with_name("scripts")
SCRIPTS = _PACKAGED if _PACKAGED.exists() else Path(__file__).resolve().parents[5] / "alembic"
"""A wheel has the folder ``alembic`` of the checkout in this package."""
_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""Options of a URL that are for the statements of the service: a migration has its own limits."""
_T = TypeVar("_T")


def newest() -> str:
    """Return the newest revision, the one that this code needs: the name of the last script."""
    numbers = [file.name.partition("_")[0] for file in (SCRIPTS / "versions").glob("[0-9]*_*.py")]
    if not numbers:
        raise FileNotFoundError(f"there are no migrations in {SCRIPTS}")
    return max(numbers)


async def current(url: str) -> str | None:
    """Return the revision of a database; ``None`` before the first one."""
    return await read(url, revision_of)


async def rekey_newest(url: str) -> None:
    """Do with an SQLite file of the newest revision what a migration up does."""
    await read(url, rekey_again)


def rekey_again(connection: Connection) -> None:
    """Repeat migration 0009: nodes of an earlier release may have written keys since."""
    if revision_of(connection) == newest():
        rekey(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database, which Alembic notes; ``None`` before the first one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


async def read(url: str, work: Callable[[Connection], _T]) -> _T:
    """Do the work in a transaction of its own."""
    async with open_engine(url) as engine:
        return await in_transaction(engine, work)


async def in_transaction(engine: AsyncEngine, work: Callable[[Connection], _T]) -> _T:
    """Run the work in one transaction. In SQLite, it excludes all others."""
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        return await connection.run_sync(work)


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Open an engine for migrations, and dispose of it on exit."""
    parsed, options = connect_options(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_async_engine(parsed, connect_args=options)
        prepare_connections(engine.sync_engine)  # WAL, before concurrent access
        event.listen(engine.sync_engine, "begin", begin_immediate)
    else:
        # A pooler in session mode would lend a server to each idle connection.
        for_migrations = without_settings(options, *_LIMITS)
        engine = stateless_engine(parsed, for_migrations, poolclass=NullPool)
    try:
        yield engine
    finally:
        await engine.dispose()
