"""The near caches of two server processes, on one PostgreSQL and one Redis.

A session that one of them revokes, or a change in the database, takes effect in the other within
milliseconds; and within the bound even if it receives no invalidation any more.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import uuid4

import pytest

from domain.token import TokenKind
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.backends import backend_for
from infrastructure.storage.options import StoreOptions
from tests.http.client import Client, stored_user
from tests.support.builders import in_environment
from tests.support.processes import Service
from tests.support.servers import Server
from tests.support.waiting import PATIENCE
from tests.system.clients import in_the_background
from tests.system.conftest import clients_of, on_two_nodes
from tests.system.test_outages import Outage

BOUND = 1.0  # second
PAUSE = 0.02  # seconds between two requests: the service needs the processor, too


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory,
    on_servers: dict[str, str],
    keys: dict[TokenKind, SigningKey],
) -> Iterator[list[Service]]:
    settings = on_servers | in_environment(keys) | {"REVOCATION_BOUND": f"{BOUND:.0f}s"}
    with on_two_nodes(tmp_path_factory.mktemp, settings) as services:
        yield services


@dataclass
class Both:
    """A client of each process.

    :ivar users_url: where the users are.
    """

    a: Client
    b: Client
    users_url: str

    async def obtain_tokens(self) -> tuple[str, dict[str, str]]:
        """Log in a new user, whom both processes cache."""
        email = f"{uuid4().hex}@example.org"
        tokens = await self.a.obtain_tokens(email)
        for client in (self.a, self.b) * 3:
            assert (await client.me(tokens["access_token"])).status_code == 200
        return email, tokens

    async def set_disabled(self, email: str, *, disabled: bool) -> None:
        """Change the user in the database, past both processes."""
        backend = backend_for(self.users_url, "users")
        assert backend.users
        async with backend.connect(self.users_url, StoreOptions()) as connection:
            users = backend.users(connection)
            user = await stored_user(users, email)
            assert (await users.replace(user, replace(user, disabled=disabled))).changed


@pytest.fixture
async def both(services: list[Service]) -> AsyncIterator[Both]:
    async with clients_of(services) as (at_a, at_b):
        yield Both(at_a, at_b, services[0].environment["DATABASE_URL"])


@dataclass
class Poller:
    """A client that sends one request after the other.

    :ivar answers: the times of each request and of its answer, and its status.
    """

    client: Client
    token: str
    answers: list[tuple[float, float, int]] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            begin = time.monotonic()
            status = (await self.client.me(self.token)).status_code
            self.answers.append((begin, time.monotonic(), status))
            await asyncio.sleep(PAUSE)

    async def receives(self, status: int) -> float:
        """
        :returns: the time of the next answer with that status.
        """
        known = len(self.answers)
        deadline = time.monotonic() + PATIENCE
        while True:
            for _, end, answer in self.answers[known:]:
                if answer == status:
                    return end
            assert time.monotonic() < deadline
            await asyncio.sleep(PAUSE)


async def seconds_until(
    pollers: list[Poller], status: int, change: Callable[[], Awaitable[object]]
) -> float:
    """Seconds from the acknowledged change until all pollers receive the status."""
    for poller in pollers:
        await poller.receives(200 if status == 401 else 401)
    await change()
    done = time.monotonic()
    seen = max([await poller.receives(status) for poller in pollers])
    for poller in pollers:
        await poller.receives(status)
        assert {s for begin, _, s in poller.answers if begin > done + BOUND} <= {status}
        after = [s for begin, _, s in poller.answers if begin > done]
        assert after == sorted(after, key=lambda s: s == status)  # once visible, it stays visible
    return seen - done


async def test_the_other_process_rejects_a_session_after_a_logout(both: Both) -> None:
    seconds = []
    for number in range(10):
        one, other = (both.a, both.b) if number % 2 else (both.b, both.a)
        _, tokens = await both.obtain_tokens()
        poller = Poller(other, tokens["access_token"])

        async def log_out(one: Client = one, token: str = tokens["refresh_token"]) -> None:
            assert (await one.log_out(token)).status_code == 200

        async with in_the_background([poller.run()]):
            seconds.append(await seconds_until([poller], 401, log_out))
        assert (await one.me(tokens["access_token"])).status_code == 401
    assert sorted(seconds)[5] < BOUND / 4  # by an invalidation, long before the bound


async def test_both_processes_reject_a_disabled_user(both: Both) -> None:
    email, tokens = await both.obtain_tokens()
    pollers = [Poller(client, tokens["access_token"]) for client in (both.a, both.b)]
    seconds = []
    async with in_the_background([poller.run() for poller in pollers]):
        for disabled, status in ((True, 401), (False, 200)) * 3:
            for poller in pollers:
                poller.answers.clear()

            async def change(disabled: bool = disabled) -> None:
                await both.set_disabled(email, disabled=disabled)

            seconds.append(await seconds_until(pollers, status, change))
    assert sorted(seconds)[3] < BOUND / 4


@pytest.mark.parametrize("role", ["users", "sessions"])
async def test_a_worker_without_invalidations_uses_no_cached_records_after_the_bound(
    both: Both, our_postgres: Server, our_redis: Server, role: Literal["users", "sessions"]
) -> None:
    server = our_postgres if role == "users" else our_redis
    outage = Outage(role, server, is_frozen=True)
    _, tokens = await both.obtain_tokens()
    poller = Poller(both.b, tokens["access_token"])

    async with in_the_background([poller.run()]):
        await poller.receives(200)
        try:
            await asyncio.to_thread(outage.begin)
            frozen_at = time.monotonic()
            await asyncio.sleep(BOUND)
            await poller.receives(503)
        finally:
            thawed_at = time.monotonic()
            await asyncio.to_thread(outage.end)
        await poller.receives(200)

    assert {status for _, _, status in poller.answers} == {200, 503}
    served_from_cache = [
        end for begin, end, status in poller.answers if status == 200 and begin > frozen_at
    ]
    assert any(end < frozen_at + BOUND for end in served_from_cache)
    late = [
        status
        for begin, end, status in poller.answers
        if begin > frozen_at + BOUND and end < thawed_at
    ]
    assert set(late) <= {503}
