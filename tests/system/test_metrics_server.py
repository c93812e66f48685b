"""The metrics port of the service, run by its command."""

import asyncio
import os
import signal
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.http.client import EMAIL, Client
from tests.support.commands import assert_one_line, doorward
from tests.support.processes import Service, a_service, free_port
from tests.support.secret_watch import secrets_in
from tests.support.waiting import PATIENCE
from tests.system.clients import in_the_background
from tests.system.test_workers import both_workers, events, started, until_all_are_new

QUICK = {"ARGON2_MEMORY_KIB": "19456"}  # the minimum
SLOW = {"ARGON2_MEMORY_KIB": "131072", "ARGON2_PASSES": "4"}  # a quarter of a second for each hash

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Measured:
    """A service and its metrics."""

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.metrics_url = f"http://127.0.0.1:{port}"

    def text(self) -> str:
        answer = httpx.get(f"{self.metrics_url}/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        return answer.text

    def samples(self) -> Samples:
        return {
            (each.name, frozenset(each.labels.items())): each.value
            for family in text_string_to_metric_families(self.text())
            for each in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples().get((f"doorward_{name}", frozenset(labels.items())))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@contextmanager
def measured(folder: Path, **variables: str) -> Iterator[Measured]:
    port = free_port()
    with a_service(folder, **(QUICK | {"METRICS_PORT": str(port)} | variables)) as service:
        yield Measured(service, port)
        if service.process is not None and service.process.poll() is None:
            service.end()  # SIGKILL would orphan the workers


@asynccontextmanager
async def talking_to(service: Service) -> AsyncIterator[Client]:
    """Return a client with a new connection for each request, so that any worker may accept it."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with Client(base_url=service.url, timeout=PATIENCE, limits=limits) as client:
        yield client


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_counters_of_all_workers_are_summed(tmp_path: Path, workers: str) -> None:
    keys = {"KEYS_SECRET": b64encode(bytes(32)).decode(), "TOKEN_ALGORITHM": "EdDSA"}
    with measured(tmp_path, WORKERS=workers, **keys) as running:
        async with talking_to(running.service) as client:
            tokens = await client.obtain_tokens()
            for _ in range(9):
                assert (await client.log_in(password="a guess")).status_code == 400
                assert (await client.me(tokens["access_token"])).status_code == 200
            assert (await client.get("/api/users/unknown")).status_code == 404

        text, samples = running.text(), running.samples()

    def value(name: str, **labels: str) -> float:
        return samples[f"doorward_{name}", frozenset(labels.items())]

    me = {"method": "GET", "route": "/api/users/me"}
    assert value("logins_total", outcome="success") == 1
    assert value("logins_total", outcome="invalid_credentials") == 9
    assert value("http_requests_total", status="200", **me) == 9
    assert value("http_request_seconds_count", **me) == 9
    unknown = {"method": "GET", "route": "/api/users/{user_id}", "status": "404"}
    assert value("http_requests_total", **unknown) == 1
    assert value("hash_seconds_count") == value("hash_wait_seconds_count") == 11
    assert value("hash_queue_length") == 0
    assert value("store_seconds_count", store="sqlite", role="users") > 9
    assert value("workers") == int(workers)
    assert value("keys", kind="access", state="current") == 1
    assert value("keys", kind="access", state="next") == 1
    assert value("key_current_since_timestamp_seconds", kind="access") > time.time() - PATIENCE
    assert value("build_info", version=version("doorward")) == 1
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("doorward_")
        assert family.documentation.endswith(".")
        assert family.documentation != "Multiprocess metric"


async def test_a_replaced_worker_leaves_its_counters_and_nothing_else(
    tmp_path: Path,
) -> None:
    with measured(tmp_path, WORKERS="2") as running:
        before = await both_workers(running.service)
        async with talking_to(running.service) as client:
            await client.obtain_tokens()
        assert running.service.process is not None

        running.service.process.send_signal(signal.SIGHUP)
        await until_all_are_new(running.service, before)

        await running.until(lambda: running.value("workers") == 2)
        assert running.value("logins_total", outcome="success") == 1


async def test_a_killed_worker_leaves_no_queue_length(tmp_path: Path) -> None:
    with measured(tmp_path, WORKERS="2", **SLOW) as running:
        before = await both_workers(running.service)
        async with talking_to(running.service) as client:

            async def guess() -> None:
                with suppress(httpx.TransportError):  # the worker is killed meanwhile
                    await client.log_in(password="a guess")

            async with in_the_background(guess() for _ in range(8)):
                await running.until(lambda: (running.value("hash_queue_length") or 0) >= 2)
                for worker in before:
                    os.kill(worker, signal.SIGKILL)

                await running.until(lambda: len(started(running.service)) == 4)
                await running.until(lambda: running.value("workers") == 2)
                # Connections in the backlog are accepted by the new workers.
                await running.until(lambda: running.value("hash_queue_length") == 0)


def test_the_metrics_port_answers_only_get_metrics(tmp_path: Path) -> None:
    with measured(tmp_path) as running:
        for path in ("/", "/metrics/", "/metrics/x", "/api/users/me", "/health/live", "/docs"):
            assert httpx.get(running.metrics_url + path).status_code == 404
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert httpx.request(method, running.metrics_url + "/metrics").status_code == 501

        assert httpx.get(f"{running.service.url}/metrics").status_code == 404
        assert_it_ends_at_once_beside_a_silent_client(running)


def assert_it_ends_at_once_beside_a_silent_client(running: Measured) -> None:
    port = int(running.metrics_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)):
        assert running.value("workers") == 1
        began = time.monotonic()
        assert running.service.end() == 0

    assert time.monotonic() - began < 5


async def test_the_report_contains_no_personal_data(tmp_path: Path) -> None:
    with measured(tmp_path) as running:
        async with talking_to(running.service) as client:
            tokens = await client.obtain_tokens()
            await client.refresh(tokens["refresh_token"])
            await client.get(f"/{EMAIL}?token={tokens['refresh_token']}")

        text = running.text()

    assert secrets_in(text) == []
    assert EMAIL not in text
    assert "127.0.0.1" not in text
    assert str(tmp_path) not in text


def test_without_a_metrics_port_nothing_else_listens(tmp_path: Path) -> None:
    with a_service(tmp_path) as service:
        assert service.process is not None
        sockets = psutil.Process(service.process.pid).net_connections("inet")

        assert [each.laddr.port for each in sockets if each.status == "LISTEN"] == [service.port]


def test_a_metrics_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = doorward(
            tmp_path, "serve", PORT=str(free_port()), METRICS_PORT=port, USERS_URL="memory:"
        )

    assert_one_line(result, 1, f"port {port} is in use")
    assert "METRICS_PORT" in result.stderr


def test_a_metrics_host_of_another_machine_is_refused(tmp_path: Path) -> None:
    result = doorward(
        tmp_path,
        "serve",
        PORT=str(free_port()),
        METRICS_PORT=str(free_port()),
        METRICS_HOST="192.0.2.1",
        USERS_URL="memory:",
    )

    assert_one_line(result, 2, "METRICS_HOST is not an address of this machine")


async def test_at_exit_the_metrics_folder_is_deleted_and_all_log_lines_are_json(
    tmp_path: Path,
) -> None:
    """The lines of uvicorn and Litestar too, but not the greeting on the terminal."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with measured(tmp_path, WORKERS="2", TMPDIR=str(temporary)) as running:
        [folder] = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        async with talking_to(running.service) as client:
            await client.obtain_tokens()
            await client.get("/nowhere")
        running.service.end()
        lines = running.service.log.splitlines()

        assert list(temporary.iterdir()) == []
    greeting = [line for line in lines if not line.startswith("{")]
    assert len(lines) - len(greeting) == len(events(running.service)) > 10
    assert greeting[0].startswith("Doorward listens on")
    assert all(line.startswith("  ") for line in greeting[1:])
    assert lines[: len(greeting)] == greeting
