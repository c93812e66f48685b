"""`doorward serve`, run as people run it: as a process of its own, where it starts."""

import json
import os
import pty
import re
import resource
import signal
import socket
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from infrastructure.storage.sql.migrations.state import newest
from tests.support.commands import assert_one_line, doorward
from tests.support.processes import FORKED, QUICK, Service, a_service, fork, free_port
from tests.support.waiting import PATIENCE, until

FEW_FILES = 512
"""Soft limit of open files under which the service in memory is started."""

CLOSED_REDIS = "redis://:s3cret@127.0.0.1:1/0"  # nothing listens on port 1


class TestServe:
    def test_the_embedded_default_starts_in_an_empty_folder(self, tmp_path: Path) -> None:
        with a_service(tmp_path, TOKEN_ALGORITHM="RS256") as service:
            said = service.log
            ready = httpx.get(f"{service.url}/health/ready")

        assert ready.is_success
        url = f"http://localhost:{service.port}"
        assert f"pages          {url}/login, {url}/account, {url}/admin\n" in said
        assert f"{url}/docs" in said
        assert f"SQLite file {tmp_path}/var/doorward.db" in said
        assert _modes(tmp_path / "var", "doorward.db", "secret") == [0o600, 0o600]
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_closing_the_terminal_ends_the_service(self, tmp_path: Path, workers: str) -> None:
        terminal, inside = pty.openpty()
        log = tmp_path / "log"
        with log.open("w") as output:
            environment = QUICK | {"PORT": str(free_port()), "WORKERS": workers}
            process = fork(
                FORKED,
                tmp_path,
                environment,
                output.fileno(),
                output.fileno(),
                terminal=os.ttyname(inside),
            )
        os.close(inside)
        ready = "Application startup complete."
        until(lambda: log.read_text().count(ready) == int(workers), "the start")

        os.close(terminal)

        assert process.wait(PATIENCE) == 0

    @pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_the_service_successfully(
        self, tmp_path: Path, by: signal.Signals
    ) -> None:
        with a_service(tmp_path) as service:
            assert service.end(by) == 0
            assert "Traceback" not in service.log

    def test_a_kill_and_a_restart_keep_all_sessions(self, tmp_path: Path) -> None:
        login_data = {"email": "ada@example.org", "password": "correct horse battery staple"}
        with a_service(tmp_path) as service:
            with httpx.Client(base_url=service.url) as client:
                registered = client.post("/api/auth/register", json={"name": "Ada"} | login_data)
                registered.raise_for_status()
                login = client.post("/api/auth/login", json=login_data)
            secret = (tmp_path / "var" / "secret").read_bytes()
            service.end(signal.SIGKILL)

            service.start()
            access = {"Authorization": f"Bearer {login.json()['access_token']}"}
            me = httpx.get(f"{service.url}/api/users/me", headers=access)

        assert me.status_code == 200, me.text
        assert me.json()["data"]["user"]["email"] == login_data["email"]
        assert (tmp_path / "var" / "secret").read_bytes() == secret

    def test_options_win_over_the_environment_which_wins_over_the_file(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / ".env").write_text("PORT=1\nUSERS_URL=memory:\nDOORWARD_DATA=elsewhere\n")
        port = free_port()

        command = (*FORKED, "--port", str(port))
        service = Service(tmp_path, QUICK | {"PORT": "2"}, port, command)

        service.start()

        assert service.end() == 0
        assert f"{tmp_path}/elsewhere/secret" in service.log
        assert "memory" in service.log

    def test_a_port_in_use_prints_one_line(self, tmp_path: Path) -> None:
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

    def test_the_service_may_have_as_many_open_files_as_the_system_allows(
        self, memory_service: Service
    ) -> None:
        assert memory_service.process
        soft, hard = psutil.Process(memory_service.process.pid).rlimit(resource.RLIMIT_NOFILE)

        assert soft == hard > FEW_FILES

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

        stores = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
        with a_service(tmp_path, **QUICK, **stores) as service:
            assert httpx.get(f"{service.url}/health/ready").is_success
            assert re.search(r"users +PostgreSQL at \S+:\d+\n", service.log)
            assert re.search(r"sessions +Redis at \S+:\d+\n", service.log)
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
    def test_a_store_that_is_down_prints_one_line(
        self, tmp_path: Path, variable: str, url: str
    ) -> None:
        result = doorward(tmp_path, "serve", **{variable: url})

        assert_one_line(result, 1, "at 127.0.0.1:1 cannot be used")
        assert "s3cret" not in result.stderr


@pytest.fixture(scope="module")
def memory_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("memory")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, limits[1]))
    try:
        with a_service(folder, **QUICK, USERS_URL="memory:") as service:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            yield service
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _modes(folder: Path, *names: str) -> list[int]:
    return [stat.S_IMODE((folder / name).stat().st_mode) for name in names]


def _is_cut_off(client: socket.socket, more: bytes) -> bool:
    try:
        client.sendall(more)
    except OSError:
        return True
    return False
