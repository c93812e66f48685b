"""Upgrades and downgrades the schema of SQL databases, with Alembic.

SQLite is migrated in one transaction. PostgreSQL is migrated beside a running service: each
revision in a short transaction of its own that does not wait long for locks, because all later
statements on the table would wait behind it, and indexes of existing tables before it and outside
of any transaction, as ``CREATE INDEX CONCURRENTLY``.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache, partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from infrastructure.storage.sql.migrations import state
from infrastructure.storage.sql.migrations.locks import (
    ADVISORY_LOCK,
    WAIT,
    ForeignSchema,
    Patience,
)
from infrastructure.storage.sql.migrations.online_indexes import create_concurrently, create_index
from infrastructure.storage.sql.migrations.state import (
    in_transaction,
    open_engine,
    read,
    rekey_again,
    revision_of,
)
from infrastructure.storage.sql.tables import metadata, schema_compatibility

OURS = frozenset(metadata.tables)


async def is_newer_and_compatible(url: str) -> bool:
    """Whether a later release has migrated the database and declares this code compatible."""
    return await read(url, _is_newer_and_compatible)


async def upgrade(url: str, revision: str = "head", wait: timedelta = WAIT) -> None:
    """Migrate up. Of several processes that call this at once one migrates; the others wait.

    :param wait: for other migrations, and for transactions that hold locks on the tables.
    :raises ForeignSchema: tables of other software are in the way.
    :raises LocksHeld: other transactions held locks for longer. Revisions that were reached stay.
    """
    patience = Patience(wait)
    async with open_engine(url) as engine:
        if engine.dialect.name == "sqlite":
            await in_transaction(engine, partial(_upgrade_at_once, revision))
            return
        async with _exclusively(engine, patience):
            if await in_transaction(engine, revision_of) is None:
                # Nothing uses these tables yet.
                once = partial(_upgrade_at_once, revision)
                await patience.retry(engine, lambda: in_transaction(engine, once))
                return
            await _upgrade_in_steps(engine, revision, patience)


async def _upgrade_in_steps(engine: AsyncEngine, revision: str, patience: Patience) -> None:
    """Migrate a PostgreSQL database beside a running service."""
    steps = await in_transaction(engine, partial(_steps, revision))
    for each in steps:
        for name, on in _online_indexes(each, "postgresql").items():
            await create_concurrently(engine, name, on, patience)
        step = partial(_run, [each])
        await patience.retry(engine, partial(in_transaction, engine, step))
    if not steps:
        await patience.retry(engine, partial(in_transaction, engine, rekey_again))


async def downgrade(url: str, revision: str = "-1", wait: timedelta = WAIT) -> None:
    """Migrate down by one revision, or to a given one. ``base`` is before the first.

    :raises LocksHeld: as :func:`upgrade`.
    """

    def run(connection: Connection) -> None:
        command.downgrade(_config(connection), revision)
        _note_compatibility(connection)

    patience = Patience(wait)
    async with open_engine(url) as engine, _exclusively(engine, patience):
        await patience.retry(engine, lambda: in_transaction(engine, run))


def _upgrade_at_once(revision: str, connection: Connection) -> None:
    """Migrate a database that no other process uses meanwhile, or one that has no tables."""
    if revision_of(connection) is None and set(inspect(connection).get_table_names()) & OURS:
        raise ForeignSchema
    steps = _steps(revision, connection)
    if not steps:
        rekey_again(connection)
        return

    def with_indexes() -> Iterator[str]:
        for each in steps:
            for name, on in _online_indexes(each, connection.dialect.name).items():
                create_index(connection, name, on)
            yield each

    _run(with_indexes(), connection)


def _run(revisions: Iterable[str], connection: Connection) -> None:
    """Run the scripts of these revisions, which follow the one of the database.

    Alembic's own command loads the scripts of all revisions each time.

    :param revisions: each is taken after the script of the one before.
    """
    scripts = _scripts()

    def steps(*_: object) -> Iterator[MigrationStep]:
        for each in revisions:
            script = scripts.get_revision(each)
            yield MigrationStep.upgrade_from_script(scripts.revision_map, script)

    with EnvironmentContext(_config(connection), scripts, fn=steps):
        scripts.run_env()
    _note_compatibility(connection)


def _steps(revision: str, connection: Connection) -> list[str]:
    """Return the revisions after the current one, up to the given one.

    :raises CommandError: one of them is unknown.
    """
    scripts, before = _scripts(), revision_of(connection)
    if before is not None:
        scripts.get_revision(before)
    found = scripts.iterate_revisions(revision, before or "base")
    return [each.revision for each in found][::-1]


def _online_indexes(revision: str, dialect: str) -> dict[str, str]:
    """Return the indexes that a revision adds to tables of earlier ones, by name."""
    module = _scripts().get_revision(revision).module
    declared: Callable[[str], dict[str, str]] | None
    declared = getattr(module, "online_indexes", None)
    return declared(dialect) if declared else {}


def _scripts() -> ScriptDirectory:
    return _scripts_in(state.SCRIPTS)


@cache
def _scripts_in(folder: Path) -> ScriptDirectory:
    """Return the scripts of a folder: they are loaded once, which takes a while."""
    return ScriptDirectory(str(folder))


def _note_compatibility(connection: Connection) -> None:
    """Store the oldest compatible revision, for releases that do not have this migration."""
    revision = revision_of(connection)
    if revision is None or not inspect(connection).has_table(schema_compatibility.name):
        return
    oldest = _scripts().get_revision(revision).module.oldest_compatible
    row = {"revision": revision, "oldest_compatible": oldest}
    connection.execute(delete(schema_compatibility))
    connection.execute(insert(schema_compatibility).values(row))


def _is_newer_and_compatible(connection: Connection) -> bool:
    revision, known = (
        revision_of(connection),
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


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(state.SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@asynccontextmanager
async def _exclusively(engine: AsyncEngine, patience: Patience) -> AsyncIterator[None]:
    """Exclude all other migrations of a PostgreSQL database.

    The lock is that of a transaction, because a pooler lends no session for longer. It is not
    waited for in the server: ``CREATE INDEX CONCURRENTLY`` waits for every statement that waits.

    :raises LocksHeld: another migration takes too long.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    while True:
        async with engine.begin() as connection:
            if await connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})")):
                # Its portal would keep a snapshot until the next statement, and CREATE INDEX
                # CONCURRENTLY waits for that. SET needs none.
                await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                yield
                return
        await patience.pause("another migration")
