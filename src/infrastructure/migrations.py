"""The schema of SQL databases, moved up and down by Alembic."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from infrastructure.database import (
    begin_immediate,
    connect_options,
    make_private,
    prepare_sqlite,
)
from infrastructure.tables import metadata

SCRIPTS = Path(__file__).resolve().parents[2] / "alembic"
OURS = frozenset(metadata.tables)
_LOCK = 0x646F6F72  # "door": whoever holds it migrates this PostgreSQL database
_T = TypeVar("_T")


class ForeignSchema(Exception):
    """The database has tables of these names already, and this service did not make them."""


def newest() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory(str(SCRIPTS)).get_current_head()
    if head is None:
        raise FileNotFoundError(f"there are no migrations in {SCRIPTS}")
    return head


async def current(url: str) -> str | None:
    """The revision that this database is at; ``None`` before the first one."""
    return await _run(url, _revision)


async def upgrade(url: str, revision: str = "head") -> None:
    """
    Several processes may call this at once: one migrates, the others wait for it.

    :raises ForeignSchema: there are tables in the way.
    """

    def run(connection: Connection) -> None:
        if _revision(connection) is None and set(inspect(connection).get_table_names()) & OURS:
            raise ForeignSchema
        command.upgrade(_config(connection), revision)

    await _run(url, run)


async def downgrade(url: str, revision: str = "-1") -> None:
    """One revision back, or to a given one. ``base`` is before the first."""
    await _run(url, lambda connection: command.downgrade(_config(connection), revision))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


async def _run(url: str, work: Callable[[Connection], _T]) -> _T:
    """Do the work in one transaction that no other migration of this database runs beside."""
    parsed, options = connect_options(url)
    engine = create_async_engine(parsed, connect_args=options)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "do_connect", make_private)
        event.listen(engine.sync_engine, "connect", prepare_sqlite)  # WAL before anybody races
        event.listen(engine.sync_engine, "begin", begin_immediate)
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
