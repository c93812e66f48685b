"""Two server processes: what one has done, the other knows with the very next request."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infrastructure.adapters import adapter_for
from infrastructure.limits import Limits
from tests.api.people import EMAIL, Client, stored
from tests.faults.conftest import on_both_stacks
from tests.faults.people import PATIENCE
from tests.processes import Service


@dataclass
class Pair:
    """
    :ivar one: and ``other``: clients with one connection each, to one process each.
    :ivar users_url: where the users are.
    """

    one: Client
    other: Client
    users_url: str


@asynccontextmanager
async def talking_to_both(service: Service) -> AsyncIterator[Pair]:
    workers = await both_workers(service)
    async with AsyncExitStack() as stack:
        clients = [Client(base_url=service.url, timeout=PATIENCE) for _ in workers]
        for worker, client in zip(workers, clients, strict=True):
            [other] = set(workers) - {worker}
            os.kill(other, signal.SIGSTOP)  # so the connection can only be to the worker
            try:
                await stack.enter_async_context(client)
                await client.get("/health/live")
            finally:
                os.kill(other, signal.SIGCONT)
        sqlite_url = f"sqlite:///{service.folder}/var/doorward.db"
        yield Pair(clients[0], clients[1], service.environment.get("DATABASE_URL", sqlite_url))


async def both_workers(service: Service) -> list[int]:
    """Their process ids, once both are ready."""
    ready: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(ready) < 2:
            await asyncio.sleep(0.02)
            events = [
                json.loads(line)["event"]
                for line in service.log.splitlines()
                if line.startswith("{") and line.endswith("}")
            ]
            if events.count("Application startup complete.") == 2:
                start = "Started server process ["
                ready = [int(each[len(start) : -1]) for each in events if each.startswith(start)]
    return ready


async def test_two_processes_are_of_one_mind(tmp_path: Path, on_servers: dict[str, str]) -> None:
    with on_both_stacks(tmp_path, on_servers, WORKERS="2") as services:
        for service in services.values():
            async with talking_to_both(service) as pair:
                await assert_a_logout_is_seen_at_once(pair.one, pair.other)
                await assert_a_logout_is_seen_at_once(pair.other, pair.one)
                await assert_disabling_is_seen_at_once(pair)
            service.end()  # SIGKILL would leave the two without a parent


async def assert_a_logout_is_seen_at_once(one: Client, other: Client) -> None:
    tokens = await one.come_in()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    assert (await other.me(access)).status_code == 200
    successor = (await other.refresh(refresh)).json()
    assert (await one.refresh(refresh)).json() == successor

    assert (await one.log_out(refresh)).status_code == 200

    for token in (access, successor["access_token"]):
        assert (await other.me(token)).status_code == 401
        assert (await one.me(token)).status_code == 401
    assert (await other.refresh(successor["refresh_token"])).status_code == 401


async def assert_disabling_is_seen_at_once(pair: Pair) -> None:
    access = (await pair.one.come_in())["access_token"]
    adapter = adapter_for(pair.users_url, "users")
    assert adapter.users
    async with adapter.connect(pair.users_url, Limits()) as connection:
        users = adapter.users(connection)
        user = await stored(users, EMAIL)
        for disabled, status in ((True, 401), (False, 200), (True, 401)):
            assert await users.replace(user, user := replace(user, disabled=disabled))
            for client in (pair.one, pair.other):
                assert (await client.me(access)).status_code == status
