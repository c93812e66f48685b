"""A command's errors about an invalid configuration."""

import logging
from pathlib import Path
from typing import Literal

import pytest

from doorward.main import make_app
from infrastructure.storage.locations import Location
from tests.support.commands import assert_one_line, doorward


class TestConfiguration:
    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("PORT", "s3cret"),
            ("PORT", "99999"),
            ("WORKERS", "0"),
            ("HOST", "s3cret..example"),
            ("HOST", "192.0.2.1"),
            ("PUBLIC_URL", "ftp://s3cret.example"),
            ("CLIENT_ORIGIN", "https://ok.example,s3cret"),
            ("USERS_URL", "s3cret"),
            ("USERS_URL", "redis://:s3cret@127.0.0.1"),
            ("DATABASE_URL", "mysql://ada:s3cret@127.0.0.1/db"),
            ("DATABASE_URL", "postgresql://ada@127.0.0.1:s3cret/db"),
            ("DATABASE_URL", "postgresql://ada:a@b:s3cret@127.0.0.1/db"),
            ("DATABASE_URL", "postgresql://127.0.0.1/db?option=s3cret"),
            ("DATABASE_URL", "postgresql://127.0.0.1/db?@s3cret=1"),
            ("DATABASE_URL", "sqlite://s3cret.db"),
            ("SESSIONS_URL", "s3cret://127.0.0.1"),
            ("SESSIONS_URL", "redis://:a/s3cret@127.0.0.1"),
            ("REDIS_URL", "redis://127.0.0.1?s3cret=1"),
            ("STORE_TIMEOUT", "s3cret"),
            ("ACCESS_TOKEN_EXPIRED_IN", "0m"),
            ("ACCESS_TOKEN_PRIVATE_KEY", "s3cret!"),
            ("ACCESS_TOKEN_PUBLIC_KEY", "s3cret!"),
            ("REFRESH_TOKEN_PRIVATE_KEY", "s3cret!"),
            ("DOORWARD_DATA", "/dev/null/s3cret"),
            ("HASH_THREADS", "-1"),
        ],
    )
    def test_an_invalid_setting_prints_one_line_with_the_variable_and_without_the_value(
        self, tmp_path: Path, variable: str, value: str
    ) -> None:
        result = doorward(tmp_path, "serve", **{variable: value})

        assert_one_line(result, 2, "")
        said = result.stderr
        # A key given alone makes another one missing.
        assert variable in said or (variable.endswith("_KEY") and "_TOKEN_PRIVATE_KEY" in said)
        assert value not in said
        assert "s3cret" not in said

    def test_a_folder_that_does_not_exist_is_named_with_the_remedy(self, tmp_path: Path) -> None:
        url = "sqlite:///srv/users.db"

        assert_one_line(doorward(tmp_path, "serve", DATABASE_URL=url), 1, "sqlite:////")
        assert "FAIL  users: " in doorward(tmp_path, "doctor", DATABASE_URL=url).stdout

    def test_contradictory_lifetimes_name_both_variables(self, tmp_path: Path) -> None:
        lifetimes = {"ACCESS_TOKEN_EXPIRED_IN": "15m", "ACCESS_TOKEN_MAXAGE": "60"}
        result = doorward(tmp_path, "serve", **lifetimes)

        assert_one_line(result, 2, "ACCESS_TOKEN_EXPIRED_IN and ACCESS_TOKEN_MAXAGE")

    def test_memory_is_not_shared_by_several_workers(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "serve", "--workers", "2", USERS_URL="memory:")

        assert_one_line(result, 2, "WORKERS")

    def test_a_start_without_servers_is_refused_where_the_default_is_forbidden(
        self, tmp_path: Path
    ) -> None:
        result = doorward(tmp_path, "serve", EMBEDDED="off", DATBASE_URL="postgresql://db/app")

        assert_one_line(result, 2, "EMBEDDED=off")
        assert not list(tmp_path.iterdir())

    def test_a_command_logs_a_misspelt_variable(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        doorward(tmp_path, "migrate", "up", USERS_URL="memory:", DATBASE_URL="s3cret")

        [logged] = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
        assert logged["event"] == "unknown_variable_ignored"
        assert logged["variable"] == "DATBASE_URL"
        assert "s3cret" not in str(logged)

    @pytest.mark.parametrize(("log_format", "begins"), [("console", "\x1b["), ("json", "{")])
    def test_a_command_logs_in_the_configured_form(
        self,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        log_format: str,
        begins: str,
    ) -> None:
        handler = logging.StreamHandler()
        monkeypatch.setattr(logging, "lastResort", handler)

        doorward(tmp_path, "migrate", "up", USERS_URL="memory:", DB_URL="x", LOG_FORMAT=log_format)

        assert handler.format(caplog.records[-1]).startswith(begins)

    def test_another_server_logs_a_misspelt_variable_too(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("USERS_URL", "memory:")
        monkeypatch.setenv("DATBASE_URL", "s3cret")

        make_app()

        logged = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
        assert "DATBASE_URL" in [each.get("variable") for each in logged]

    def test_an_env_file_that_is_not_text_prints_one_line(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"PORT=\xff\n")

        assert_one_line(doorward(tmp_path, "doctor"), 2, ".env")


@pytest.mark.parametrize(
    ("role", "url", "description"),
    [
        ("users", "postgresql://ada:s3cret@db.example/s3cret", "PostgreSQL at db.example:5432"),
        ("users", "postgresql://ada:a/s3cret@db.example:6/x", "PostgreSQL at db.example:6"),
        ("users", "postgresql://ada:a@s3cret@db.example/x", "PostgreSQL"),
        ("users", "postgres:///s3cret?host=db.example", "PostgreSQL at db.example:5432"),
        ("users", "postgres:///s3cret?host=/run/pg", "PostgreSQL at the Unix socket in /run/pg"),
        ("users", "postgres://u:s3cret@a:1,b/x", "PostgreSQL at a:1, b:5432"),
        ("users", "sqlite:////tmp/a.db?s3cret=1", "SQLite file /tmp/a.db"),
        ("sessions", "rediss://:s3cret@r.example/0", "Redis at r.example:6379"),
        ("sessions", "unix://ada:s3cret@/run/redis.sock", "Redis at a Unix socket"),
        ("sessions", "memory:", "memory (gone when the process ends)"),
    ],
)
def test_a_place_is_described_without_its_secrets(
    role: Literal["users", "sessions"], url: str, description: str
) -> None:
    location = Location(role, "URL", url)

    assert location.description == description
    assert "s3cret" not in repr(location)
