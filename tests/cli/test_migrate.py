"""`doorward migrate`."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from infrastructure.storage.sql.migrations.state import SCRIPTS, newest
from tests.support.commands import assert_one_line, doorward


class TestMigrate:
    def test_sqlite_goes_down_and_up_again(self, tmp_path: Path) -> None:
        file = f"SQLite file {tmp_path}/var/doorward.db"
        before, *_ = (
            each.down_revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()
        )
        for direction, printed in (
            ("down", "stays at nothing"),
            ("up", f"from nothing to {newest()}"),
            ("up", f"stays at {newest()}"),
            ("down", f"from {newest()} to {before}"),
        ):
            result = doorward(tmp_path, "migrate", direction)
            assert (result.returncode, result.stdout) == (0, f"{file}: {printed}\n"), result.stderr

    def test_each_database_is_migrated_once(self, tmp_path: Path) -> None:
        users, sessions = f"sqlite:///{tmp_path}/users.db", f"sqlite:///{tmp_path}/sessions.db"
        both = doorward(tmp_path, "migrate", "up", USERS_URL=users, SESSIONS_URL=sessions)

        assert both.stdout.count(f"from nothing to {newest()}") == 2

    @pytest.mark.parametrize(
        ("statement", "printed"),
        [
            ("DROP TABLE alembic_version", "are not Doorward's"),
            ("UPDATE alembic_version SET version_num = '9999'", "by another version of Doorward"),
        ],
    )
    def test_a_strange_schema_is_left_alone(
        self, tmp_path: Path, sqlite_url: str, statement: str, printed: str
    ) -> None:
        file = Path(sqlite_url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute(statement)
        before = _dump(file)

        for command in (["migrate", "up"], ["serve"]):
            assert_one_line(doorward(tmp_path, *command, USERS_URL=sqlite_url), 1, printed)
        assert _dump(file) == before

    def test_memory_has_nothing_to_migrate(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "migrate", "up", USERS_URL="memory:")

        assert result.returncode == 0
        assert "nothing to migrate" in result.stdout


def _dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())
