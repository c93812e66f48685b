"""Restarts and reloads under load: no request fails."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.client import Client
from tests.support.processes import FORKED, Service, a_service
from tests.support.waiting import PATIENCE
from tests.system.balancer import Balancer
from tests.system.clients import ContinuousClient, Refresher, in_the_background
from tests.system.conftest import SETTINGS, STEADY
from tests.system.test_workers import both_workers, events, log_lines, started, until_all_are_new

IN_MEMORY = SETTINGS | {"USERS_URL": "memory:", "LOGIN_LIMIT_ACCOUNT": "off"}
KEPT, NEW = httpx.Limits(), httpx.Limits(max_keepalive_connections=0)
PAUSES = (0.0, 0.01, 0.02, 0.03)  # seconds between two requests
SLOW = {"ARGON2_MEMORY_KIB": str(128 * 1024), "ARGON2_PASSES": "4"}  # some tenths of a second
DRAINING = "doorward.server.graceful_server.REFUSE_AFTER"
GRACE = "doorward.server.run.GRACE"
STRANGER = "unknown@example.org"  # a login hashes the password all the same


@asynccontextmanager
async def continuous_clients(url: str) -> AsyncIterator[list[ContinuousClient]]:
    """Run clients that log in, refresh and read, on kept-alive and on new connections."""
    callers: list[ContinuousClient] = []
    async with AsyncExitStack() as stack:

        async def enter(limits: httpx.Limits) -> Client:
            client = Client(base_url=url, timeout=PATIENCE, limits=limits)
            return await stack.enter_async_context(client)

        for name, limits in {"kept": KEPT, "new": NEW}.items():
            client = await enter(limits)
            tokens = await client.obtain_tokens(f"{name}@example.org")
            callers.append(Refresher(client, tokens))
            callers.append(logging_in(await enter(limits), f"{name}.login@example.org"))
            await client.register(f"{name}.login@example.org")
            me = (await client.obtain_tokens(f"{name}.me@example.org"))["access_token"]
            callers.extend([asking(await enter(limits), me, pause) for pause in PAUSES])
        async with in_the_background(caller.run() for caller in callers):
            for caller in callers:
                await caller.receives_status(200)
            yield callers
            for caller in callers:
                await caller.receives_status(200)


def logging_in(client: Client, email: str) -> ContinuousClient:
    return ContinuousClient(lambda: client.log_in(email, transport="bearer"))


def asking(client: Client, access_token: str, pause: float) -> ContinuousClient:
    async def ask() -> httpx.Response:
        await asyncio.sleep(pause)
        return await client.me(access_token)

    return ContinuousClient(ask)


def statuses(callers: list[ContinuousClient]) -> set[int]:
    """Return the statuses of all responses; a connection failure has failed the test before."""
    return {status for caller in callers for status in caller.statuses}


def send(service: Service, what: signal.Signals) -> None:
    assert service.process is not None
    service.process.send_signal(what)


async def ended(service: Service) -> int:
    assert service.process is not None
    return await asyncio.to_thread(service.process.wait, PATIENCE)


async def logs(service: Service, event: str, reason: str = "") -> None:
    """Wait for a line with this event.

    :param reason: how its field of this name begins.
    """

    def has_logged() -> bool:
        return any(
            line["event"].startswith(event) and line.get("reason", "").startswith(reason)
            for line in log_lines(service)
        )

    async with asyncio.timeout(PATIENCE):
        while not has_logged():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def errors(service: Service) -> list[dict[str, Any]]:
    return [line for line in log_lines(service) if line["level"] in {"error", "critical"}]


async def test_workers_are_replaced_under_load_and_no_request_fails(
    tmp_path: Path, on_servers: dict[str, str]
) -> None:
    settings = on_servers | STEADY | {"LOGIN_LIMIT_ACCOUNT": "off", "WORKERS": "2"}
    with a_service(tmp_path, **settings) as service:
        before = await both_workers(service)
        async with continuous_clients(service.url) as callers:
            send(service, signal.SIGHUP)
            await until_all_are_new(service, before)

        assert statuses(callers) == {200}
        assert service.end() == 0
        assert errors(service) == []


async def test_sigterm_interrupts_the_replacement_of_the_workers(tmp_path: Path) -> None:
    with a_service(tmp_path, WORKERS="3", SHUTDOWN_DELAY="0s") as service:
        async with asyncio.timeout(PATIENCE):
            while events(service).count("Application startup complete.") < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            send(service, signal.SIGHUP)
            while len(started(service)) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        send(service, signal.SIGTERM)

        assert await ended(service) == 0
        assert len(started(service)) == 4  # of the three new ones, no second is started
        assert errors(service) == []


async def test_services_are_restarted_under_load_and_no_request_fails(
    tmp_path: Path, on_servers: dict[str, str]
) -> None:
    settings = (
        on_servers
        | STEADY
        | {
            "LOGIN_LIMIT_ACCOUNT": "off",
            "SHUTDOWN_DELAY": "2s",
            "DOORWARD_DATA": str(tmp_path),
        }
    )
    (one_folder := tmp_path / "one").mkdir()
    (other_folder := tmp_path / "other").mkdir()
    with a_service(one_folder, **settings) as one, a_service(other_folder, **settings) as other:
        async with Balancer([one, other]) as balancer, continuous_clients(balancer.url) as callers:
            for service in (one, other):
                assert await asyncio.to_thread(service.end) == 0
                await asyncio.to_thread(service.start)
                await balancer.all_are_ready()

        assert statuses(callers) == {200}
        assert errors(one) == errors(other) == []


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_after_sigterm_the_service_reports_not_ready_and_still_serves(
    tmp_path: Path, workers: str
) -> None:
    settings = SETTINGS | {"WORKERS": workers, "SHUTDOWN_DELAY": "2s"}
    with a_service(tmp_path, **settings) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            access = (await client.obtain_tokens())["access_token"]
            readiness = ContinuousClient(lambda: client.get("/health/ready"))
            async with in_the_background([readiness.run()]):
                send(service, signal.SIGTERM)
                await readiness.receives_status(503)
            ready, me = await client.get("/health/ready"), await client.me(access)

        assert ready.json() == {
            "status": "error",
            "checks": {"users": "up", "sessions": "up", "keys": "up", "server": "ending"},
        }
        assert (ready.status_code, me.status_code) == (503, 200)
        assert (ready.headers["connection"], me.headers["connection"]) == ("close", "close")
        assert await ended(service) == 0
        assert errors(service) == []


async def test_an_open_connection_may_send_one_more_request(tmp_path: Path) -> None:
    with a_service(tmp_path, **IN_MEMORY) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            assert "connection" not in (await client.get("/health/live")).headers
            send(service, signal.SIGTERM)
            await logs(service, "Waiting for connections to close.")

            last = await client.get("/health/live")
            with pytest.raises(httpx.ConnectError):
                await client.get("/health/live")

        assert (last.status_code, last.headers["connection"]) == (200, "close")
        assert await ended(service) == 0


async def test_an_idle_connection_does_not_delay_the_exit(tmp_path: Path) -> None:
    with a_service(tmp_path, **IN_MEMORY) as service:
        async with Client(base_url=service.url) as client:
            await client.get("/health/live")
            with socket.create_connection(("127.0.0.1", service.port)):
                send(service, signal.SIGTERM)

                assert await ended(service) == 0
                assert errors(service) == []


async def test_a_login_in_progress_is_answered_before_the_exit(tmp_path: Path) -> None:
    patient = {DRAINING: PATIENCE, GRACE: PATIENCE}  # a busy machine hashes for seconds
    with a_service(tmp_path, FORKED, patient, **IN_MEMORY | SLOW) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            logins = [asyncio.create_task(client.log_in(STRANGER)) for _ in range(2)]
            await asyncio.wait(
                logins, return_when=asyncio.FIRST_COMPLETED
            )  # the other one is hashed now
            send(service, signal.SIGTERM)

            assert [login.status_code for login in await asyncio.gather(*logins)] == [400, 400]
        assert await ended(service) == 0
        assert errors(service) == []


async def test_a_login_that_would_wait_too_long_gets_503(tmp_path: Path) -> None:
    patient = {"REQUEST_TIMEOUT": "60s"}  # the half request must outlast the logins
    impatient = {DRAINING: 1}
    with a_service(tmp_path, FORKED, impatient, **IN_MEMORY | SLOW | patient) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            logins = [asyncio.create_task(client.log_in(STRANGER)) for _ in range(20)]
            writer.write(b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\n")  # an incomplete head
            await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
            send(service, signal.SIGTERM)

            answers = await asyncio.gather(*logins)
            half_a_request = await reader.read()
        writer.close()
        await writer.wait_closed()

        assert {answer.status_code for answer in answers} == {400, 503}
        assert {answer.headers.get("retry-after") for answer in answers} == {None, "1"}
        assert half_a_request.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in half_a_request
        assert await ended(service) == 0
        assert "Traceback" not in service.log
        assert not any("Cancel" in each for each in events(service))


@pytest.mark.parametrize(("workers", "first"), [("1", signal.SIGTERM), ("2", None)])
async def test_ctrl_c_skips_the_delay(
    tmp_path: Path, workers: str, first: signal.Signals | None
) -> None:
    settings = SETTINGS | {"WORKERS": workers, "SHUTDOWN_DELAY": "1h"}
    with a_service(tmp_path, **settings) as service:
        if first is not None:
            send(service, first)
            async with Client(base_url=service.url, timeout=PATIENCE) as client:
                readiness = ContinuousClient(lambda: client.get("/health/ready"))
                async with in_the_background([readiness.run()]):
                    await readiness.receives_status(503)
        send(service, signal.SIGINT)

        assert await ended(service) == 0
        assert "Traceback" not in service.log


async def test_sighup_reloads_the_rate_limits_of_a_single_process(tmp_path: Path) -> None:
    configure(tmp_path, LOGIN_LIMIT="1000/1h")
    with a_service(tmp_path, **IN_MEMORY) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            access = (await client.obtain_tokens())["access_token"]
            configure(tmp_path, LOGIN_LIMIT="1/1h")
            send(service, signal.SIGHUP)
            await logs(service, "configuration_reloaded")

            assert (await client.log_in()).headers["ratelimit-policy"] == '"login";q=1;w=3600'
            assert (await client.me(access)).status_code == 200
            [connection] = client._transport._pool.connections  # type: ignore[attr-defined]
            assert "Request Count: 4" in str(connection)


async def test_sighup_ignores_an_invalid_configuration(tmp_path: Path) -> None:
    configure(tmp_path, LOGIN_LIMIT="1000/1h")
    with a_service(tmp_path, **IN_MEMORY) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            await client.register()
            configure(tmp_path, LOGIN_LIMIT="many")
            send(service, signal.SIGHUP)
            await logs(service, "configuration_reload_refused", "LOGIN_LIMIT must be ")

            assert (await client.log_in()).status_code == 200
        assert "Traceback" not in service.log


async def test_sighup_replaces_the_workers_only_if_the_configuration_is_valid(
    tmp_path: Path, on_servers: dict[str, str]
) -> None:
    configure(tmp_path, LOGIN_LIMIT="1000/1h")
    with a_service(tmp_path, WORKERS="2", **on_servers) as service:
        before = await both_workers(service)

        configure(tmp_path, LOGIN_LIMIT="many")
        send(service, signal.SIGHUP)
        await logs(service, "configuration_reload_refused", "LOGIN_LIMIT must be ")
        assert sorted(started(service)) == sorted(before)

        configure(tmp_path, LOGIN_LIMIT="1/1h")
        send(service, signal.SIGHUP)
        await until_all_are_new(service, before)
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            policies = [(await client.log_in()).headers.get("ratelimit-policy") for _ in range(2)]
        assert policies[1] == '"login";q=1;w=3600'
        assert service.end() == 0


def configure(folder: Path, **variables: str) -> None:
    lines = (f"{name}={text}\n" for name, text in variables.items())
    (folder / ".env").write_text("".join(lines))
