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
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, event, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from infrastructure.storage.sql.connection.pooler import stateless_engine, without_settings
from infrastructure.storage.sql.connection.sqlite import begin_immediate, prepare_connections
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.migrations.email_keys import rekey
from infrastructure.storage.sql.migrations.locks import ADVISORY_LOCK, LOCK_TIMEOUT, Patience
from infrastructure.storage.sql.migrations.online_indexes import create_concurrently, create_index
from infrastructure.storage.sql.tables import metadata, schema_compatibility

_PACKAGED = Path(__file__).resolve().with_name("scripts")
SCRIPTS = _PACKAGED if _PACKAGED.exists() else Path(__file__).resolve().parents[5] / "alembic"
"""A wheel has the folder ``alembic`` of the checkout in this package."""
OURS = frozenset(metadata.tables)
WAIT = timedelta(minutes=1)
_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""Options of a URL that are for the statements of the service: a migration has its own limits."""
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
    return await _read(url, _revision)


async def is_newer_and_compatible(url: str) -> bool:
    """Whether a later release has migrated the database and declares this code compatible."""
    return await _read(url, _is_newer_and_compatible)


async def upgrade(url: str, revision: str = "head", wait: timedelta = WAIT) -> None:
    """Migrate up. Of several processes that call this at once one migrates; the others wait.

    :param wait: for other migrations, and for transactions that hold locks on the tables.
    :raises ForeignSchema: tables of other software are in the way.
    :raises LocksHeld: other transactions held locks for longer. Revisions that were reached stay.
    """
    patience = Patience(wait)
    async with _engine(url) as engine:
        if engine.dialect.name == "sqlite":
            await _in_transaction(engine, partial(_upgrade_at_once, revision))
            return
        async with _exclusively(engine, patience):
            if await _in_transaction(engine, _revision) is None:
                # Nothing uses these tables yet.
                once = partial(_upgrade_at_once, revision)
                await patience.retry(engine, lambda: _in_transaction(engine, once))
                return
            await _upgrade_in_steps(engine, revision, patience)


async def _upgrade_in_steps(engine: AsyncEngine, revision: str, patience: Patience) -> None:
    """Migrate a PostgreSQL database beside a running service."""
    steps = await _in_transaction(engine, partial(_steps, revision))
    for each in steps:
        for name, on in _online_indexes(each, "postgresql").items():
            await create_concurrently(engine, name, on, patience)
        step = partial(_run, [each])
        await patience.retry(engine, partial(_in_transaction, engine, step))
    if not steps:
        await patience.retry(engine, partial(_in_transaction, engine, _rekey_again))


async def downgrade(url: str, revision: str = "-1", wait: timedelta = WAIT) -> None:
    """Migrate down by one revision, or to a given one. ``base`` is before the first.

    :raises LocksHeld: as :func:`upgrade`.
    """

    def run(connection: Connection) -> None:
        command.downgrade(_config(connection), revision)
        _note_compatibility(connection)

    patience = Patience(wait)
    async with _engine(url) as engine, _exclusively(engine, patience):
        await patience.retry(engine, lambda: _in_transaction(engine, run))


def _upgrade_at_once(revision: str, connection: Connection) -> None:
    """Migrate a database that no other process uses meanwhile, or one that has no tables."""
    if _revision(connection) is None and set(inspect(connection).get_table_names()) & OURS:
        raise ForeignSchema
    steps = _steps(revision, connection)
    if not steps:
        _rekey_again(connection)
        return

    def with_indexes() -> Iterator[str]:
        for each in steps:
            for name, on in _online_indexes(each, connection.dialect.name).items():
                create_index(connection, name, on)
            yield each

    _run(with_indexes(), connection)


def _rekey_again(connection: Connection) -> None:
    """Repeat migration 0009: nodes of an earlier release may have written keys since."""
    if _revision(connection) == newest():
        rekey(connection)


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
    scripts, before = _scripts(), _revision(connection)
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
    return _scripts_in(SCRIPTS)


@cache
def _scripts_in(folder: Path) -> ScriptDirectory:
    """Return the scripts of a folder: they are loaded once, which takes a while."""
    return ScriptDirectory(str(folder))


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


async def _read(url: str, work: Callable[[Connection], _T]) -> _T:
    async with _engine(url) as engine:
        return await _in_transaction(engine, work)


async def _in_transaction(engine: AsyncEngine, work: Callable[[Connection], _T]) -> _T:
    """Run the work in one transaction. In SQLite, it excludes all others."""
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        return await connection.run_sync(work)


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


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
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
