"""The command `doorward`, run as people run it: as a process of its own.

Only the table of wrong configurations calls `main()` in this process, because a start takes a
second or two and there are many of them.
"""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import pytest
from openapi_spec_validator import validate

from domain.token import TokenKind
from doorward.cli.main import main
from doorward.wiring.keys import keys_in_environment
from infrastructure.config.settings import Settings
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.locations import Location
from infrastructure.storage.sql.migrations import newest

DOORWARD = Path(sys.executable).with_name("doorward")
PATIENCE = 60.0  # seconds; a start takes one or two unless the machine is very busy
CLOSED_REDIS = "redis://:s3cret@127.0.0.1:1/0"  # nothing listens on port 1


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Nothing of the developer's own settings."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8"} | variables


def doorward(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOORWARD, *arguments],
        check=False,
        capture_output=True,
        cwd=folder,
        env=environment(variables),
        text=True,
        timeout=PATIENCE,
    )


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Service:
    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self) -> str:
        return self.log.read_text()

    def answers(self) -> bool:
        assert self.process.poll() is None, self.says()
        try:
            return httpx.get(f"{self.url}/health/live").is_success
        except httpx.TransportError:
            return False

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    folder: Path, *arguments: str, port: int | None = None, **variables: str
) -> Iterator[Service]:
    """:param port: where it is expected to listen."""
    port = port or free_port()
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [DOORWARD, "serve", *arguments],
            cwd=folder,
            env=environment({"PORT": str(port), "SHUTDOWN_DELAY": "0s"} | variables),
            stderr=subprocess.STDOUT,
            stdout=output,
            text=True,
        )
    service = Service(process, port, log)
    try:
        until(service.answers, "an answer")
        yield service
    finally:
        process.kill()
        process.wait()


class TestServe:
    def test_the_embedded_default_starts_in_an_empty_folder(self, tmp_path: Path) -> None:
        with serving(tmp_path) as service:
            said = service.says()
            ready = httpx.get(f"{service.url}/health/ready")

        assert ready.is_success
        assert f"http://localhost:{service.port}/docs" in said
        assert f"SQLite file {tmp_path}/var/doorward.db" in said
        assert _modes(tmp_path / "var", "doorward.db", "secret") == [0o600, 0o600]
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_closing_the_terminal_ends_the_service(self, tmp_path: Path, workers: str) -> None:
        terminal, inside = pty.openpty()
        log = tmp_path / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [DOORWARD, "serve"],
                cwd=tmp_path,
                env=environment({"PORT": str(free_port()), "WORKERS": workers}),
                stdin=inside,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
            )
        os.close(inside)
        ready = "Application startup complete."
        until(lambda: log.read_text().count(ready) == int(workers), "the start")

        os.close(terminal)

        assert process.wait(PATIENCE) == 0

    @pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_successfully(self, tmp_path: Path, by: signal.Signals) -> None:
        with serving(tmp_path) as service:
            assert service.end(by) == 0
            assert "Traceback" not in service.says()

    def test_several_workers_end_without_a_traceback(self, tmp_path: Path) -> None:
        with serving(tmp_path, "--workers", "2") as service:
            assert service.end() == 0
            assert service.says().count("Application startup complete") == 2
            assert "Traceback" not in service.says()

    def test_a_kill_and_a_restart_keep_all_sessions(self, tmp_path: Path) -> None:
        somebody = {"email": "ada@example.org", "password": "correct horse battery staple"}
        with serving(tmp_path) as service, httpx.Client(base_url=service.url) as client:
            client.post("/api/auth/register", json={"name": "Ada"} | somebody).raise_for_status()
            login = client.post("/api/auth/login", json=somebody)
            service.end(signal.SIGKILL)
        access = {"Authorization": f"Bearer {login.json()['access_token']}"}
        secret = (tmp_path / "var" / "secret").read_bytes()

        with serving(tmp_path, port=service.port) as restarted:
            me = httpx.get(f"{restarted.url}/api/users/me", headers=access)

        assert me.status_code == 200, me.text
        assert me.json()["data"]["user"]["email"] == somebody["email"]
        assert (tmp_path / "var" / "secret").read_bytes() == secret

    def test_options_win_over_the_environment_which_wins_over_the_file(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("PORT=1\nUSERS_URL=memory:\nDOORWARD_DATA=elsewhere\n")
        port = free_port()

        with serving(tmp_path, "--port", str(port), port=port, PORT="2") as service:
            assert f"{tmp_path}/elsewhere/secret" in service.says()
            assert "memory" in service.says()

    def test_a_port_in_use_is_one_line(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            result = doorward(tmp_path, "serve", PORT=port, USERS_URL="memory:")

        assert_one_line(result, 1, f"port {port} is in use")

    @pytest.mark.parametrize(
        ("start", "endless"),
        [
            (b"GET / HTTP/1.1\r\nx: ", b"a"),
            (b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
            (b"GET /", b"a"),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=", b"a"),
        ],
    )
    def test_a_request_without_an_end_is_cut_off(
        self, memory_service: Service, start: bytes, endless: bytes
    ) -> None:
        address = ("127.0.0.1", memory_service.port)
        with socket.create_connection(address, timeout=PATIENCE) as client:
            client.sendall(start)
            until(lambda: _is_cut_off(client, endless * 8000), "the end of the connection")

        assert memory_service.answers()

    def test_non_http_bytes_are_answered_in_json(self, memory_service: Service) -> None:
        address = ("127.0.0.1", memory_service.port)
        with socket.create_connection(address, timeout=PATIENCE) as client:
            client.sendall(b"\x16\x03\x01 is TLS\r\n\r\n")
            head, _, body = client.recv(65536).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"\r\ncontent-security-policy: default-src 'none'" in head
        assert json.loads(body)["code"] == "invalid_input"

    def test_large_bodies_reach_the_application(self, memory_service: Service) -> None:
        login = f"{memory_service.url}/api/auth/login"
        assert httpx.post(login, json={"email": "a" * 2_000_000}).status_code == 413

    def test_no_answer_names_the_server(self, memory_service: Service) -> None:
        assert "server" not in httpx.get(f"{memory_service.url}/health/live").headers


class TestServeOnServers:
    def test_an_old_schema_is_refused_with_the_command_that_helps(
        self, tmp_path: Path, postgres_url: str, redis_url: str
    ) -> None:
        down = doorward(tmp_path, "migrate", "down", DATABASE_URL=postgres_url)
        assert down.returncode == 0, down.stderr
        assert f"from {newest()} to " in down.stdout

        refused = doorward(tmp_path, "serve", DATABASE_URL=postgres_url)
        assert_one_line(refused, 1, "run `doorward migrate up`")

        up = doorward(tmp_path, "migrate", "up", DATABASE_URL=postgres_url, REDIS_URL=redis_url)
        assert up.returncode == 0, up.stderr
        assert f" to {newest()}\n" in up.stdout
        assert "nothing to migrate" in up.stdout

        with serving(tmp_path, DATABASE_URL=postgres_url, REDIS_URL=redis_url) as service:
            assert httpx.get(f"{service.url}/health/ready").is_success
            assert re.search(r"users +PostgreSQL at \S+:\d+\n", service.says())
            assert re.search(r"sessions +Redis at \S+:\d+\n", service.says())
            with closing(sqlite3.connect(tmp_path / "var" / "doorward.db")) as database:
                counts = [
                    database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
                    for table in ("signing_keys", "users", "sessions")
                ]
            assert counts == [(2,), (0,), (0,)]

    @pytest.mark.parametrize(
        ("variable", "url"),
        [("DATABASE_URL", "postgresql://ada:s3cret@127.0.0.1:1/db"), ("REDIS_URL", CLOSED_REDIS)],
    )
    def test_a_store_that_is_down_is_one_line(
        self, tmp_path: Path, variable: str, url: str
    ) -> None:
        result = doorward(tmp_path, "serve", **{variable: url})

        assert_one_line(result, 1, "at 127.0.0.1:1 cannot be used")
        assert "s3cret" not in result.stderr


class TestMigrate:
    def test_sqlite_goes_down_and_up_again(self, tmp_path: Path) -> None:
        file = f"SQLite file {tmp_path}/var/doorward.db"
        for direction, told in (
            ("up", f"from nothing to {newest()}"),
            ("up", f"stays at {newest()}"),
            ("down", f"from {newest()} to 0007"),
            ("down", "from 0007 to 0006"),
            ("down", "from 0006 to 0005"),
            ("down", "from 0005 to 0004"),
            ("down", "from 0004 to 0003"),
            ("down", "from 0003 to 0002"),
            ("down", "from 0002 to 0001"),
            ("down", "from 0001 to nothing"),
            ("down", "stays at nothing"),
        ):
            result = doorward(tmp_path, "migrate", direction)
            assert (result.returncode, result.stdout) == (0, f"{file}: {told}\n"), result.stderr

    def test_each_database_is_migrated_once(self, tmp_path: Path) -> None:
        users, sessions = f"sqlite:///{tmp_path}/users.db", f"sqlite:///{tmp_path}/sessions.db"
        both = doorward(tmp_path, "migrate", "up", USERS_URL=users, SESSIONS_URL=sessions)

        assert both.stdout.count(f"from nothing to {newest()}") == 2

    @pytest.mark.parametrize(
        ("statement", "told"),
        [
            ("DROP TABLE alembic_version", "are not Doorward's"),
            ("UPDATE alembic_version SET version_num = '9999'", "by another version of Doorward"),
        ],
    )
    def test_a_strange_schema_is_left_alone(
        self, tmp_path: Path, sqlite_url: str, statement: str, told: str
    ) -> None:
        file = Path(sqlite_url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute(statement)
        before = _dump(file)

        for command in (["migrate", "up"], ["serve"]):
            assert_one_line(doorward(tmp_path, *command, USERS_URL=sqlite_url), 1, told)
        assert _dump(file) == before

    def test_memory_has_nothing_to_migrate(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "migrate", "up", USERS_URL="memory:")

        assert result.returncode == 0
        assert "nothing to migrate" in result.stdout


class TestConfiguration:
    @pytest.mark.usefixtures("elsewhere")
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
            ("DATABASE_URL", "postgresql://127.0.0.1/db?s3cret=1"),
            ("DATABASE_URL", "sqlite://"),
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
    def test_a_wrong_one_is_one_line_that_names_the_variable_and_not_the_value(
        self, capsys: pytest.CaptureFixture[str], variable: str, value: str
    ) -> None:
        os.environ[variable] = value
        with pytest.raises(SystemExit) as end:
            main()

        said = capsys.readouterr().err
        assert end.value.code == 2
        assert re.fullmatch(r"doorward: [^\n]+\n", said)
        # A key given alone makes another one missing.
        assert variable in said or (variable.endswith("_KEY") and "_TOKEN_PRIVATE_KEY" in said)
        assert value not in said
        assert "s3cret" not in said

    def test_contradictory_lifetimes_name_both_variables(self, tmp_path: Path) -> None:
        lifetimes = {"ACCESS_TOKEN_EXPIRED_IN": "15m", "ACCESS_TOKEN_MAXAGE": "60"}
        result = doorward(tmp_path, "serve", **lifetimes)

        assert_one_line(result, 2, "ACCESS_TOKEN_EXPIRED_IN and ACCESS_TOKEN_MAXAGE")

    def test_memory_is_not_shared_by_several_workers(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "serve", "--workers", "2", USERS_URL="memory:")

        assert_one_line(result, 2, "WORKERS")

    def test_a_file_that_is_not_text_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"PORT=\xff\n")

        assert_one_line(doorward(tmp_path, "doctor"), 2, ".env")


class TestKeys:
    def test_generated_ones_can_be_appended_to_the_file(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "keys", "generate")
        variables = dict(line.split("=", 1) for line in result.stdout.splitlines())

        assert (result.returncode, result.stderr) == (0, "")
        assert list(variables) == [
            "ACCESS_TOKEN_PRIVATE_KEY",
            "ACCESS_TOKEN_PUBLIC_KEY",
            "REFRESH_TOKEN_PRIVATE_KEY",
            "REFRESH_TOKEN_PUBLIC_KEY",
        ]
        settings = Settings.read(variables)
        generated = keys_in_environment(settings.keys).values()
        assert {key.public.key_size for key in generated} == {3072}

        (tmp_path / ".env").write_text(result.stdout)
        found = doorward(tmp_path, "doctor", USERS_URL="memory:")
        assert "in the environment" in found.stdout
        assert not [value for value in variables.values() if value in found.stdout]

    def test_they_are_listed_rotated_and_revoked(self, tmp_path: Path) -> None:
        secret = doorward(tmp_path, "keys", "secret").stdout
        (tmp_path / ".env").write_text(f"{secret}TOKEN_ALGORITHM=EdDSA\nREVOCATION_BOUND=1\n")
        none = doorward(tmp_path, "keys", "list")
        assert none.stdout == "there are no keys yet\n"
        with serving(tmp_path):
            pass

        first = key_lines(doorward(tmp_path, "keys", "list"))
        assert [line[:2] for line in first] == [
            ["access", "current"],
            ["access", "next"],
            ["refresh", "current"],
            ["refresh", "next"],
        ]
        assert key_lines(doorward(tmp_path, "keys", "list")) == first

        rotated = key_lines(doorward(tmp_path, "keys", "rotate", "--kind", "access"))
        assert [line[:3] for line in rotated[:2]] == [line[:3] for line in first[:2]]
        assert rotated[1][3:6] == ["EdDSA", "signs", "from"]
        assert [line[1] for line in rotated] == ["current", "next", "next", "current", "next"]

        revoked = first[0][2]
        left = key_lines(doorward(tmp_path, "keys", "revoke", revoked))
        assert left[0][:3] == ["access", "current", first[1][2]]
        assert revoked not in [line[2] for line in left]
        assert_one_line(doorward(tmp_path, "keys", "revoke", revoked), 1, "no key of that id")

    def test_keys_of_the_embedded_default_can_be_rotated_and_revoked(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("TOKEN_ALGORITHM=EdDSA\nREVOCATION_BOUND=1\n")
        [access, refresh] = key_lines(doorward(tmp_path, "keys", "list"))
        assert access[3:6] == refresh[3:6] == ["EdDSA", "signs", "since"]

        rotated = key_lines(doorward(tmp_path, "keys", "rotate"))
        assert [line[1] for line in rotated] == ["current", "next", "next"] * 2

        left = key_lines(doorward(tmp_path, "keys", "revoke", access[2]))
        assert left[0][:2] == ["access", "current"]
        assert left[0][2] != access[2]

    def test_keys_of_a_folder_are_changed_there(self, tmp_path: Path) -> None:
        folder = tmp_path / "mount"
        folder.mkdir()
        for kind in ("access", "refresh"):
            pair = SigningKey.generate(EDDSA)
            (folder / f"{kind}.pem").write_bytes(pair.private_pem())
        before = _contents(folder)
        [access, _] = key_lines(doorward(tmp_path, "keys", "list", KEYS_FOLDER=str(folder)))
        assert access[3:] == ["EdDSA", "has", "always", "signed"]

        for change in (("rotate",), ("revoke", access[2])):
            result = doorward(tmp_path, "keys", *change, KEYS_FOLDER=str(folder))
            assert_one_line(result, 1, "the keys are in KEYS_FOLDER, which is only read")

        assert _contents(folder) == before

    def test_those_in_the_environment_are_changed_there(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(doorward(tmp_path, "keys", "generate").stdout)
        [access, _] = key_lines(doorward(tmp_path, "keys", "list"))

        for change in (("rotate",), ("revoke", access[2])):
            result = doorward(tmp_path, "keys", *change)
            assert_one_line(result, 1, "the keys are in the environment: change them there")

    def test_an_id_may_begin_with_a_dash(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "keys", "revoke", "-x", USERS_URL="memory:")

        assert_one_line(result, 1, "no key of that id")


def key_lines(result: subprocess.CompletedProcess[str]) -> list[list[str]]:
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return [line.split() for line in result.stdout.splitlines()]


class TestOpenApi:
    def test_the_document_is_valid_and_the_same_everywhere(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "openapi")
        validate(json.loads(result.stdout))

        elsewhere = {"PUBLIC_URL": "https://id.example", "DATABASE_URL": "postgresql://h.invalid"}
        assert doorward(tmp_path, "openapi", **elsewhere).stdout == result.stdout
        assert not list(tmp_path.iterdir())


class TestDoctor:
    def test_a_fresh_folder_is_fine_and_stays_empty(self, tmp_path: Path) -> None:
        result = doorward(tmp_path, "doctor")

        assert result.returncode == 0, result.stdout
        assert not list(tmp_path.iterdir())

    def test_the_embedded_default_is_fine_after_its_start(self, tmp_path: Path) -> None:
        with serving(tmp_path):
            pass
        result = doorward(tmp_path, "doctor")

        assert result.returncode == 0, result.stdout
        assert verdicts(result) == {
            "configuration": "ok",
            "keys": "ok",
            "users": "ok",
            "sessions": "ok",
            "schema of the users": "ok",
            "password hashing": "info",
        }

    def test_postgresql_and_redis_are_fine(
        self, tmp_path: Path, postgres_url: str, redis_url: str
    ) -> None:
        result = doorward(tmp_path, "doctor", DATABASE_URL=postgres_url, REDIS_URL=redis_url)

        assert result.returncode == 0, result.stdout
        found = verdicts(result)
        assert found["schema of the users"] == "ok"
        assert found["clock of the users"] == found["clock of the sessions"] == "ok"

    def test_a_bad_finding_hides_none_of_the_others(self, tmp_path: Path) -> None:
        result = doorward(
            tmp_path, "doctor", PORT="s3cret", DATABASE_URL="s3cret", REDIS_URL=CLOSED_REDIS
        )

        assert result.returncode == 1
        assert "s3cret" not in result.stdout + result.stderr
        assert verdicts(result) == {
            "configuration": "FAIL",
            "keys": "info",
            "users": "FAIL",
            "sessions": "FAIL",
            "clock of the users": "FAIL",
            "clock of the sessions": "FAIL",
            "password hashing": "info",
        }

    def test_a_secret_that_other_users_can_read_is_found(self, tmp_path: Path) -> None:
        with serving(tmp_path, USERS_URL="memory:"):
            pass
        (tmp_path / "var" / "secret").chmod(0o644)
        result = doorward(tmp_path, "doctor", USERS_URL="memory:")

        assert result.returncode == 1
        assert verdicts(result)["keys"] == "FAIL"


@pytest.mark.parametrize(
    ("role", "url", "description"),
    [
        ("users", "postgresql://ada:s3cret@db.example/s3cret", "PostgreSQL at db.example:5432"),
        ("users", "postgresql://ada:a/s3cret@db.example:6/x", "PostgreSQL at db.example:6"),
        ("users", "postgresql://ada:a@s3cret@db.example/x", "PostgreSQL at db.example:5432"),
        ("users", "postgres:///db?host=s3cret", "PostgreSQL at localhost:5432"),
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


@pytest.fixture(scope="module")
def memory_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("memory"), USERS_URL="memory:") as service:
        yield service


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In another folder, with none of our variables set, about to run `doorward serve`."""
    before = dict(os.environ)
    heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {each: signal.getsignal(each) for each in heard}
    for variable in Settings.variables():
        os.environ.pop(variable.name, None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["doorward", "serve"])
    yield
    os.environ.clear()
    os.environ.update(before)
    for each, handler in handlers.items():
        signal.signal(each, handler)


def assert_one_line(result: subprocess.CompletedProcess[str], code: int, containing: str) -> None:
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert re.fullmatch(r"doorward: [^\n]+\n", result.stderr), result.stderr
    assert containing in result.stderr


def verdicts(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    lines = [re.fullmatch(r"(\w+) +([^:]+): .+", line) for line in result.stdout.splitlines()]
    return {line[2]: line[1] for line in lines if line}


def _modes(folder: Path, *names: str) -> list[int]:
    return [stat.S_IMODE((folder / name).stat().st_mode) for name in names]


def _dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def _contents(folder: Path) -> dict[str, bytes]:
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(contents) == {f"{kind}.pem" for kind in TokenKind}
    return contents


def _is_cut_off(client: socket.socket, more: bytes) -> bool:
    try:
        client.sendall(more)
    except OSError:
        return True
    return False
