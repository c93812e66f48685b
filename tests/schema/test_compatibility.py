"""A release works on the schema of the next one, so that nodes can be replaced one by one.

The statements in ``tests/schema/releases`` are those that an earlier release really executes.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from doorward.diagnostics.doctor import check_schema
from infrastructure.config.settings import Settings
from infrastructure.storage.locations import Location
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.schema_version import Move, move_up, require_usable
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.migrations import state as migrations
from infrastructure.storage.sql.migrations.runner import downgrade, upgrade
from infrastructure.storage.sql.migrations.state import newest
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand
from tests.support.builders import a_user
from tests.support.queries import RELEASES, Query, queries

PATIENT = StoreOptions(timeout=timedelta(seconds=60))
RECORDED = sorted(folder.name for folder in RELEASES.iterdir())
EXPANDING = re.compile(r"CREATE (TABLE|INDEX|FUNCTION) |INSERT INTO |ALTER TABLE \w+ ADD COLUMN ")
NEEDS_A_VALUE = re.compile(r"ADD COLUMN (?!.*DEFAULT).*NOT NULL")
READING = re.compile(r"SELECT|SHOW|SET LOCAL|BEGIN|PRAGMA")
OF_ALEMBIC = re.compile(r".* (alembic_version|schema_compatibility)\b")

each_database = pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"], indirect=True)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def scripts(since: str = "") -> dict[str, ModuleType]:
    """The migrations, from the first one on."""
    known = ScriptDirectory(str(migrations.SCRIPTS)).walk_revisions()
    modules = {each.revision: each.module for each in known}
    return {each: modules[each] for each in reversed(modules) if each > since}


def works_on_the_newest(release: str) -> bool:
    oldest: str = scripts()[newest()].oldest_compatible
    return oldest in {each for each in scripts() if each <= release}


async def failures(url: str, release: str) -> list[str]:
    """The statements of that release that do not work any more."""
    address, options = connect_options(url)
    engine = create_async_engine(address, connect_args=options)
    try:
        async with engine.connect() as connection:
            dialect = connection.dialect.name
            return await connection.run_sync(failing, list(queries(release, dialect)))
    finally:
        await engine.dispose()


def failing(connection: Connection, statements: Sequence[Query]) -> list[str]:
    found = []
    for query in statements:
        try:
            connection.exec_driver_sql(query.statement, query.values)
        except SQLAlchemyError as error:
            found.append(f"{query.statement}\n{error.__cause__}")
        connection.rollback()
    return found


def test_the_release_before_this_one_works_on_this_schema() -> None:
    earlier = [release for release in RECORDED if release < newest()]

    assert earlier
    assert works_on_the_newest(earlier[-1])


@each_database
@pytest.mark.parametrize("release", [each for each in RECORDED if works_on_the_newest(each)])
async def test_every_statement_of_a_compatible_release_works(url: str, release: str) -> None:
    assert await failures(url, release) == []


@each_database
@pytest.mark.parametrize(
    ("change", "verb"),
    [
        ("ALTER TABLE users DROP COLUMN photo", "SELECT"),
        ("ALTER TABLE rate_limits RENAME COLUMN resets_at TO ends_at", "DELETE"),
        ("ALTER TABLE users ADD COLUMN size integer CHECK (size IS NOT NULL)", "INSERT"),
    ],
)
async def test_a_change_that_breaks_one_is_found(url: str, change: str, verb: str) -> None:
    await by_hand(url, change)

    assert [each for each in await failures(url, RECORDED[0]) if each.startswith(verb)]


async def test_a_new_column_that_needs_a_value_is_found(postgres_url: str) -> None:
    await by_hand(postgres_url, "ALTER TABLE sessions ADD COLUMN colour text NOT NULL")

    assert {each.split()[2] for each in await failures(postgres_url, RECORDED[0])} == {"sessions"}


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
@pytest.mark.parametrize("release", RECORDED)
def test_a_record_has_statements_of_every_kind_and_table(release: str, dialect: str) -> None:
    statements = [query.statement for query in queries(release, dialect)]

    for table in ("users", "sessions", "rate_limits", "audit_events"):
        for verb in ("INSERT INTO", "DELETE FROM"):
            assert any(each.startswith(f"{verb} {table} ") for each in statements)


class TestAMigration:
    async def test_a_migration_only_adds_unless_it_declares_a_contraction(
        self, empty_postgres_url: str
    ) -> None:
        await upgrade(empty_postgres_url, "0006")
        for revision, module in scripts(since="0006").items():
            with heard() as statements:
                await upgrade(empty_postgres_url, revision)
            if not hasattr(module, "contracts"):
                assert contracting(statements) == []

    @pytest.mark.parametrize("revision", scripts(since="0007"))
    def test_a_migration_names_the_releases_that_work_on_its_schema(self, revision: str) -> None:
        module = scripts()[revision]
        before = scripts().get(module.down_revision)

        assert module.oldest_compatible in scripts()
        if not hasattr(module, "contracts"):
            said_before = getattr(before, "oldest_compatible", "0006")
            assert module.oldest_compatible == said_before
        else:
            assert len(module.contracts) > 20  # a reason

    @pytest.mark.parametrize(
        "statement",
        [
            "DROP TABLE users",
            "ALTER TABLE users DROP COLUMN photo",
            "ALTER TABLE users RENAME TO people",
            "ALTER TABLE users ALTER COLUMN photo SET NOT NULL",
            "ALTER TABLE users ADD COLUMN size INTEGER NOT NULL",
            "CREATE UNIQUE INDEX users_name_key ON users (name)",
            "DELETE FROM sessions",
        ],
    )
    def test_a_contracting_migration_is_recognised(self, statement: str) -> None:
        assert contracting(["CREATE TABLE other (n integer)", statement]) == [statement]

    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE users ADD COLUMN size INTEGER",
            "ALTER TABLE users ADD COLUMN size INTEGER DEFAULT 0 NOT NULL",
            "CREATE INDEX users_photo_idx ON users (photo)",
            "CREATE UNIQUE INDEX other_key ON other (n)",
            "CREATE TRIGGER other_tell AFTER UPDATE ON other FOR EACH ROW EXECUTE FUNCTION f()",
        ],
    )
    def test_an_expanding_migration_is_recognised(self, statement: str) -> None:
        assert contracting(["\nCREATE TABLE other (n integer)", statement]) == []


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect the statements of all connections in this block."""
    statements: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def contracting(statements: Sequence[str]) -> list[str]:
    """Return the statements that may break the release before. A statement about a
    new table breaks none.
    """
    new = set(re.findall(r"CREATE TABLE (\w+)", "\n".join(statements)))
    return [
        each
        for each in map(str.strip, statements)
        if not (READING.match(each) or OF_ALEMBIC.match(each) or expands(each))
        and not new & set(re.findall(r"(?:TABLE|ON|INTO|UPDATE(?! ON)|FROM) (\w+)", each))
    ]


def expands(statement: str) -> bool:
    return bool(EXPANDING.match(statement)) and not NEEDS_A_VALUE.search(statement)


class TestASchemaOfALaterRelease:
    @each_database
    async def test_a_later_schema_is_used_if_it_names_this_release_as_compatible(
        self, url: str, later: "Later"
    ) -> None:
        await later.migrate(url, oldest_compatible=newest())
        location = Location("users", "DATABASE_URL", url)

        assert await require_usable(location, PATIENT) == "9999"
        assert await move_up(location, PATIENT) == Move("9999", "9999")
        async with open_stores(url, url, PATIENT) as stores:
            await stores.users.add(user := a_user())
            assert await stores.users.get(user.id) == user

    @each_database
    async def test_a_later_schema_is_refused_if_it_does_not_name_this_release(
        self, url: str, later: "Later"
    ) -> None:
        await later.migrate(url, oldest_compatible="9999")
        location = Location("users", "DATABASE_URL", url)

        with pytest.raises(NotReady, match=f"9999, and {newest()} is needed"):
            await require_usable(location, PATIENT)
        with pytest.raises(NotReady, match="by another version of Doorward"):
            await move_up(location, PATIENT)

    async def test_the_doctor_reports_a_later_schema(
        self, postgres_url: str, later: "Later"
    ) -> None:
        await later.migrate(postgres_url, oldest_compatible=newest())
        settings = Settings.read({"DATABASE_URL": postgres_url})

        differences = await check_schema(settings, Location("users", "DATABASE_URL", postgres_url))

        assert differences == (
            "ok",
            f"at revision 9999: later than {newest()}, and compatible with this version",
        )

    @each_database
    async def test_a_later_schema_that_is_migrated_down_is_as_before(
        self, url: str, later: "Later"
    ) -> None:
        before = await by_hand(url, "SELECT * FROM schema_compatibility")
        await later.migrate(url, oldest_compatible="9999")

        await later.take_back(url)

        assert await by_hand(url, "SELECT * FROM schema_compatibility") == before
        location = Location("users", "DATABASE_URL", url)
        assert await require_usable(location, PATIENT) == newest()


class Later:
    """A later release: the same one with a migration more.

    :param folder: of its migrations.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch

    async def migrate(self, url: str, oldest_compatible: str) -> None:
        shutil.copytree(migrations.SCRIPTS, self.folder)
        (self.folder / "versions" / "9999_later.py").write_text(
            f"revision = '9999'\ndown_revision = '{newest()}'\nbranch_labels = depends_on = None\n"
            f"oldest_compatible = '{oldest_compatible}'\n"
            "def upgrade(): pass\ndef downgrade(): pass\n"
        )
        with self.patch.context() as patch:
            patch.setattr(migrations, "SCRIPTS", self.folder)
            await upgrade(url)

    async def take_back(self, url: str) -> None:
        with self.patch.context() as patch:
            patch.setattr(migrations, "SCRIPTS", self.folder)
            await downgrade(url)


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Later:
    return Later(tmp_path / "later", monkeypatch)
