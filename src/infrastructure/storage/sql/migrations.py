"""Upgrades and downgrades the schema of SQL databases, with Alembic."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, event, insert, inspect, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from infrastructure.storage.sql.database import (
    begin_immediate,
    make_private,
    prepare_sqlite,
)
from infrastructure.storage.sql.email_keys import rekey
from infrastructure.storage.sql.tables import metadata, schema_compatibility
from infrastructure.storage.sql.url import connect_options

_PACKAGED = Path(__file__).resolve().with_name("scripts")
SCRIPTS = _PACKAGED if _PACKAGED.exists() else Path(__file__).resolve().parents[4] / "alembic"
"""A wheel has the folder ``alembic`` of the checkout in this package."""
OURS = frozenset(metadata.tables)
_LOCK = 0x646F6F72  # "door": the advisory lock of a migration in PostgreSQL
_T = TypeVar("_T")


class ForeignSchema(Exception):
    """The database has tables of these names that this service did not create."""


def newest() -> str:
    """Return the newest revision: the one that this code needs."""
    head = _scripts().get_current_head()
    if head is None:
        raise FileNotFoundError(f"there are no migrations in {SCRIPTS}")
    return head


async def current(url: str) -> str | None:
    """Return the revision of a database; ``None`` before the first one."""
    return await _run(url, _revision)


async def is_newer_and_compatible(url: str) -> bool:
    """Whether a later release has migrated the database and declares this code compatible."""
    return await _run(url, _is_newer_and_compatible)


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up. Of several processes that call this at once one migrates; the others wait.

    :raises ForeignSchema: tables of other software are in the way.
    """

    def run(connection: Connection) -> None:
        if _revision(connection) is None and set(inspect(connection).get_table_names()) & OURS:
            raise ForeignSchema
        before = _revision(connection)
        command.upgrade(_config(connection), revision)
        _note_compatibility(connection)
        if before == newest():
            rekey(connection)  # nodes of an earlier release may have written keys since

    await _run(url, run)


async def downgrade(url: str, revision: str = "-1") -> None:
    """Migrate down by one revision, or to a given one. ``base`` is before the first."""

    def run(connection: Connection) -> None:
        command.downgrade(_config(connection), revision)
        _note_compatibility(connection)

    await _run(url, run)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(SCRIPTS))


def _note_compatibility(connection: Connection) -> None:
    """Store the oldest compatible revision, for releases that do not have this migration."""
    revision = _revision(connection)
    if revision is None or not inspect(connection).has_table(schema_compatibility.name):
        return
    oldest = _scripts().get_revision(revision).module.oldest_compatible
    row = {"revision": revision, "oldest_compatible": oldest}
    connection.execute(delete(schema_compatibility))
    connection.execute(insert(schema_compatibility).values(row))


def _is_newer_and_compatible(connection: Connection) -> bool:
    revision, known = (
        _revision(connection),
        {each.revision for each in _scripts().walk_revisions()},
    )
    if revision is None or revision in known:
        return False
    if not inspect(connection).has_table(schema_compatibility.name):
        return False
    oldest = select(schema_compatibility.c.oldest_compatible).where(
        schema_compatibility.c.revision == revision
    )
    return connection.scalar(oldest) in known


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


async def _run(url: str, work: Callable[[Connection], _T]) -> _T:
    """Run the work in one transaction, which excludes all other migrations of the database."""
    parsed, options = connect_options(url)
    engine = create_async_engine(parsed, connect_args=options)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "do_connect", make_private)
        event.listen(
            engine.sync_engine, "connect", prepare_sqlite
        )  # WAL, before concurrent access
        event.listen(engine.sync_engine, "begin", begin_immediate)
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
