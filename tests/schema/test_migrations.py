"""The schema: up, down, up again, by one process at a time, and equal to the tables in code."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.migrations import state
from infrastructure.storage.sql.migrations.locks import ForeignSchema
from infrastructure.storage.sql.migrations.runner import downgrade, upgrade
from infrastructure.storage.sql.migrations.state import SCRIPTS, current, newest
from infrastructure.storage.sql.tables import metadata, partial_indexes  # noqa: F401 - declared
from infrastructure.storage.stores import open_stores
from tests.support.builders import a_session, a_user
from tests.support.waiting import PATIENT
from tools.new_migration import new_migration

pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression")

OF_EXPRESSIONS = {"users_email_order_idx", "users_name_order_idx"}
"""Indexes that SQLAlchemy cannot compare."""
UNDECLARED = {"alembic_version", "invalidations"}
"""Tables that no statement of SQLAlchemy names."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    fixture = {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"}[request.param]
    return str(request.getfixturevalue(fixture))


async def ask(url: str, question: Callable[[Connection], Any]) -> Any:
    address, options = connect_options(url)
    engine = create_async_engine(address, connect_args=options)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(question)
    finally:
        await engine.dispose()


async def execute(url: str, statement: str) -> None:
    await ask(url, lambda connection: connection.execute(text(statement)))


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - UNDECLARED


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, _kind, _of: name not in OF_EXPRESSIONS | UNDECLARED,
        },
    )
    return list(compare_metadata(context, metadata))


async def test_an_empty_database_is_before_the_first_revision(url: str) -> None:
    assert await current(url) is None


async def test_migrate_up_creates_the_tables_of_the_stores(url: str) -> None:
    await upgrade(url)

    assert await current(url) == newest()
    user, session = a_user(), a_session()
    async with open_stores(url, url, PATIENT) as stores:
        await stores.users.add(user)
        await stores.sessions.add(session)
        assert await stores.users.get(user.id) == user


async def test_down_takes_everything_back_and_up_makes_it_again(url: str) -> None:
    await upgrade(url)
    await downgrade(url, "base")

    assert await current(url) is None
    assert await ask(url, tables) == set()

    await upgrade(url)

    assert await current(url) == newest()
    assert await ask(url, tables) == set(metadata.tables)
    assert await ask(url, differences) == []


def schema(connection: Connection) -> dict[str, set[str]]:
    """Return the columns of each table, and the indexes and triggers of all."""
    queries = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger')",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() "
        "UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    found = {
        table: {each["name"] for each in inspect(connection).get_columns(table)}
        for table in tables(connection)
    }
    others = connection.scalars(text(queries[connection.dialect.name]))
    return found | {"": set(others)}


async def test_each_revision_can_be_taken_back_and_made_again(url: str) -> None:
    revisions = [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()]
    before = {}
    for revision in reversed(revisions):
        await upgrade(url, revision)
        before[revision] = await ask(url, schema)

    for revision in revisions[1:]:
        await downgrade(url, revision)
        assert await ask(url, schema) == before[revision], revision

    await upgrade(url)
    assert await ask(url, schema) == before[newest()]


def test_the_newest_revision_is_the_head_of_the_scripts() -> None:
    assert newest() == ScriptDirectory(str(SCRIPTS)).get_current_head()


def load(revision: str) -> ModuleType:
    return ScriptDirectory(str(SCRIPTS)).get_revision(revision).module


async def test_a_column_of_sqlite_is_dropped_and_the_indexes_of_expressions_stay(
    empty_sqlite_url: str,
) -> None:
    await upgrade(empty_sqlite_url, "0020")  # a trigger of 0021 reads the column
    before = await ask(empty_sqlite_url, schema)

    def drop(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            load("0004").downgrade()

    await ask(empty_sqlite_url, drop)

    after = await ask(empty_sqlite_url, schema)
    assert OF_EXPRESSIONS < after[""] == before[""]
    assert before["users"] - after["users"] == {"generation"}


@pytest.mark.parametrize(
    "path", sorted((SCRIPTS / "versions").glob("*.py")), ids=lambda path: path.stem
)
def test_no_migration_copies_a_table(path: Path) -> None:
    """In SQLite, a copy has no indexes of expressions."""
    assert "batch_alter_table" not in path.read_text()


async def test_a_new_migration_moves_both_databases_up_and_down(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(url)
    before, last = await ask(url, schema), newest()
    scripts = tmp_path / "alembic"
    shutil.copytree(SCRIPTS, scripts)

    path = new_migration("Names of devices", scripts)

    monkeypatch.setattr(state, "SCRIPTS", scripts)
    assert path.name == f"{newest()}_names_of_devices.py"
    assert int(newest()) == int(last) + 1
    await upgrade(url)
    assert (await ask(url, schema))["sessions"] - before["sessions"] == {"example"}
    await downgrade(url)
    assert await ask(url, schema) == before


async def test_each_script_is_loaded_once(empty_sqlite_url: str, tmp_path: Path) -> None:
    loaded, scripts = tmp_path / "loaded", tmp_path / "alembic"
    shutil.copytree(SCRIPTS, scripts)
    first = next((scripts / "versions").glob("0001*.py"))
    note = f"\nwith open({str(loaded)!r}, 'a') as file:\n    file.write('loaded ')\n"
    first.write_text(first.read_text() + note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "SCRIPTS", scripts)
        await upgrade(empty_sqlite_url)

    assert loaded.read_text() == "loaded "


def test_a_new_migration_passes_the_linter(tmp_path: Path) -> None:
    scripts = tmp_path / "alembic"
    shutil.copytree(SCRIPTS, scripts)

    path = new_migration("Names of devices", scripts)

    ruff = [sys.executable, "-m", "ruff", "check", "--config", "pyproject.toml", str(path)]
    checked = subprocess.run(ruff, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


async def test_migrations_and_tables_are_equal(url: str) -> None:
    assert await ask(url, differences) != []  # nothing is there, so the comparison sees that

    await upgrade(url)

    assert await ask(url, differences) == []


async def test_up_may_be_repeated(url: str) -> None:
    await upgrade(url)
    user = a_user()
    async with open_stores(url, url, PATIENT) as stores:
        await stores.users.add(user)

    await upgrade(url)

    async with open_stores(url, url, PATIENT) as stores:
        assert await stores.users.get(user.id) == user


async def test_processes_that_migrate_at_once_do_not_disturb_each_other(url: str) -> None:
    async with asyncio.timeout(20):  # who disturbs others may wait for them for ever
        await asyncio.gather(*(upgrade(url) for _ in range(4)))

    assert await current(url) == newest()
    assert await ask(url, differences) == []


@pytest.mark.parametrize("table", ["users", "sessions"])
async def test_a_foreign_table_is_left_alone(url: str, table: str) -> None:
    await execute(url, f"CREATE TABLE {table} (name text)")
    await execute(url, f"INSERT INTO {table} VALUES ('theirs')")  # noqa: S608 - see above

    with pytest.raises(ForeignSchema):
        await upgrade(url)

    assert await current(url) is None
    assert await ask(url, tables) == {table}
    query = text(f"SELECT name FROM {table}")  # noqa: S608 - see above
    assert await ask(url, lambda connection: connection.scalar(query)) == "theirs"


async def test_a_failed_migration_leaves_nothing_behind(url: str) -> None:
    await execute(url, "CREATE TABLE other (n integer)")
    await execute(
        url, "CREATE INDEX sessions_user_id_idx ON other (n)"
    )  # in the way of the last step

    with pytest.raises(Exception, match="sessions_user_id_idx"):
        await upgrade(url)

    assert await current(url) is None
    assert await ask(url, tables) == {"other"}


async def test_a_schema_in_the_url_is_migrated(empty_postgres_url: str) -> None:
    url = f"{empty_postgres_url}?schema=auth"
    await execute(empty_postgres_url, "CREATE SCHEMA auth")
    await execute(empty_postgres_url, "CREATE TABLE users (name text)")  # in another schema

    await upgrade(url)

    assert await ask(url, tables) == set(metadata.tables)
    user = a_user()
    async with open_stores(url, url, PATIENT) as stores:
        await stores.users.add(user)
        assert await stores.users.get(user.id) == user
