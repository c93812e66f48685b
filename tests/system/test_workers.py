"""Two server processes: a change by one is effective at the other with the next request."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from domain.permissions import Role
from infrastructure.storage.backends import backend_for
from infrastructure.storage.options import StoreOptions
from tests.http.client import ADMIN_EMAIL, EMAIL, ME, USERS, Client, bearer, stored_user
from tests.support.processes import Service, a_service
from tests.support.waiting import PATIENCE
from tests.system.clients import ContinuousClient, in_the_background
from tests.system.conftest import STEADY, on_both_stacks


@dataclass
class Pair:
    """
    :ivar one: client of the first process; ``other`` of the second, one connection each.
    :ivar users_url: location of the users.
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
            os.kill(other, signal.SIGSTOP)  # so the other worker accepts the connection
            try:
                await stack.enter_async_context(client)
                await client.get("/health/live")
            finally:
                os.kill(other, signal.SIGCONT)
        sqlite_url = f"sqlite:///{service.folder}/var/doorward.db"
        yield Pair(clients[0], clients[1], service.environment.get("DATABASE_URL", sqlite_url))


async def both_workers(service: Service) -> list[int]:
    """Wait until both workers are ready, and return their process ids."""
    ready: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(ready) < 2:
            await asyncio.sleep(0.1)
            if events(service).count("Application startup complete.") == 2:
                ready = started(service)
    return ready


def log_lines(service: Service) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in service.log.splitlines()
        if line.startswith("{") and line.endswith("}")
    ]


def events(service: Service) -> list[str]:
    return [line["event"] for line in log_lines(service)]


def started(service: Service) -> list[int]:
    """Return the process ids of all workers so far, in the order of their start."""
    start = "Started server process ["
    return [int(each[len(start) : -1]) for each in events(service) if each.startswith(start)]


async def test_changes_in_one_worker_are_effective_in_the_other(
    tmp_path: Path, on_servers: dict[str, str]
) -> None:
    with on_both_stacks(tmp_path, on_servers, WORKERS="2", **STEADY) as services:
        for service in services.values():
            async with talking_to_both(service) as pair:
                await assert_a_logout_is_seen_at_once(pair.one, pair.other)
                await assert_a_logout_is_seen_at_once(pair.other, pair.one)
                await assert_disabling_is_seen_at_once(pair)
                await assert_administration_is_seen_at_once(pair)
            service.end()  # SIGKILL would orphan the workers


async def test_workers_are_replaced_one_by_one_and_no_request_is_refused(
    tmp_path: Path, on_servers: dict[str, str]
) -> None:
    with a_service(tmp_path, WORKERS="2", **on_servers, **STEADY) as service:
        before = await both_workers(service)
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            tokens = await client.obtain_tokens("grace@example.org")

        async def ask() -> httpx.Response:
            """Open a new connection: a kept-alive one may be closed while the request is sent."""
            async with Client(base_url=service.url, timeout=PATIENCE) as client:
                return await client.me(tokens["access_token"])

        callers = [ContinuousClient(ask), ContinuousClient(ask)]
        async with in_the_background(caller.run() for caller in callers):
            await callers[0].receives_status(200)
            assert service.process is not None
            service.process.send_signal(signal.SIGHUP)
            after = await until_all_are_new(service, before)
            for caller in callers:
                await caller.receives_status(200)

        assert not set(before) & set(after)
        assert {status for caller in callers for status in caller.statuses} == {200}
        service.end()  # SIGKILL would orphan the workers


async def until_all_are_new(service: Service, old: list[int]) -> list[int]:
    async with asyncio.timeout(PATIENCE):
        while True:
            workers = started(service)
            if len(workers) >= 4 and not any(map(is_there, old)):
                return workers[-2:]
            await asyncio.sleep(0.1)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def assert_a_logout_is_seen_at_once(one: Client, other: Client) -> None:
    tokens = await one.obtain_tokens()
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    assert (await other.me(access)).status_code == 200
    successor = (await other.refresh(refresh)).json()
    assert (await one.refresh(refresh)).json() == successor

    assert (await one.log_out(refresh)).status_code == 200

    for token in (access, successor["access_token"]):
        assert (await other.me(token)).status_code == 401
        assert (await one.me(token)).status_code == 401
    assert (await other.refresh(successor["refresh_token"])).status_code == 401


async def assert_administration_is_seen_at_once(pair: Pair) -> None:
    """Expect each change of an administrator at the other worker with the next request."""
    token = (await pair.one.obtain_tokens(ADMIN_EMAIL))["access_token"]
    admin = bearer(await pair.one.stepped_up(token))
    await make_administrator(pair.users_url, ADMIN_EMAIL)
    for one, other in ((pair.one, pair.other), (pair.other, pair.one)):
        tokens = await one.obtain_tokens(f"{uuid4().hex}@example.org")
        mine = bearer(tokens["access_token"])
        me = (await other.get(ME, headers=mine)).json()["data"]["user"]
        user = f"{USERS}/{me['id']}"
        for role, status in (("admin", 200), ("user", 403), ("admin", 200)):
            changed = await one.patch(user, json={"role": role}, headers=admin)
            assert changed.status_code == 200, changed.text
            assert (await other.get(USERS, headers=mine)).status_code == status

        assert (await one.patch(user, json={"disabled": True}, headers=admin)).status_code == 200
        assert (await other.get(USERS, headers=mine)).status_code == 401
        assert (await one.patch(user, json={"disabled": False}, headers=admin)).status_code == 200
        assert (await other.get(USERS, headers=mine)).status_code == 401

        tokens = await one.obtain_tokens(me["email"])
        assert (await other.me(tokens["access_token"])).status_code == 200
        assert (await one.delete(user, headers=admin)).status_code == 200
        assert (await other.me(tokens["access_token"])).status_code == 401


async def make_administrator(users_url: str, email: str) -> None:
    backend = backend_for(users_url, "users")
    assert backend.users
    async with backend.connect(users_url, StoreOptions()) as connection:
        users = backend.users(connection)
        user = await stored_user(users, email)
        assert (await users.replace(user, replace(user, role=Role.ADMIN))).changed


async def assert_disabling_is_seen_at_once(pair: Pair) -> None:
    access = (await pair.one.obtain_tokens())["access_token"]
    backend = backend_for(pair.users_url, "users")
    assert backend.users
    async with backend.connect(pair.users_url, StoreOptions()) as connection:
        users = backend.users(connection)
        user = await stored_user(users, EMAIL)
        for disabled, status in ((True, 401), (False, 200), (True, 401)):
            assert (await users.replace(user, user := replace(user, disabled=disabled))).changed
            for client in (pair.one, pair.other):
                # Changed past both workers, which receive the invalidation within milliseconds.
                asking = ContinuousClient(lambda client=client: client.me(access))  # type: ignore[misc]
                async with asyncio.timeout(1), in_the_background([asking.run()]):
                    await asking.receives_status(status)
