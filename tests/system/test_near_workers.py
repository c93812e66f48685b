"""Two server processes with copies near at hand, on one PostgreSQL and one Redis.

What one of them has ended, or anybody in the database, the other refuses at once in practice; and
within the bound even if it cannot hear of anything any more.
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
from tests.http.people import Client, stored
from tests.support.builders import in_environment
from tests.support.processes import Service
from tests.support.servers import Server
from tests.system.conftest import clients_of, on_two_nodes
from tests.system.people import PATIENCE, in_the_background
from tests.system.test_outages import Outage

BOUND = 1.0  # second


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

    async def come_in(self) -> tuple[str, dict[str, str]]:
        """Somebody new, whom both processes have copies of."""
        email = f"{uuid4().hex}@example.org"
        tokens = await self.a.come_in(email)
        for client in (self.a, self.b) * 3:
            assert (await client.me(tokens["access_token"])).status_code == 200
        return email, tokens

    async def set_disabled(self, email: str, *, disabled: bool) -> None:
        """In the database, past both processes."""
        backend = backend_for(self.users_url, "users")
        assert backend.users
        async with backend.connect(self.users_url, StoreOptions()) as connection:
            users = backend.users(connection)
            user = await stored(users, email)
            assert await users.replace(user, replace(user, disabled=disabled))


@pytest.fixture
async def both(services: list[Service]) -> AsyncIterator[Both]:
    async with clients_of(services) as (at_a, at_b):
        yield Both(at_a, at_b, services[0].environment["DATABASE_URL"])


@dataclass
class Watch:
    """Somebody who asks a process all the time who they are.

    :ivar answers: all there were: when it was asked, when the answer came, and its status.
    """

    client: Client
    token: str
    answers: list[tuple[float, float, int]] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            begin = time.monotonic()
            status = (await self.client.me(self.token)).status_code
            self.answers.append((begin, time.monotonic(), status))

    async def sees(self, status: int) -> float:
        """
        :returns: when that answer came, from now on.
        """
        known = len(self.answers)
        deadline = time.monotonic() + PATIENCE
        while True:
            for _, end, answer in self.answers[known:]:
                if answer == status:
                    return end
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)


async def seconds_until(
    watches: list[Watch], status: int, change: Callable[[], Awaitable[object]]
) -> float:
    """How long after the change was acknowledged the last one saw it; the bound holds for all."""
    for watch in watches:
        await watch.sees(200 if status == 401 else 401)
    await change()
    done = time.monotonic()
    seen = max([await watch.sees(status) for watch in watches])
    for watch in watches:
        await watch.sees(status)
        assert {s for begin, _, s in watch.answers if begin > done + BOUND} <= {status}
        after = [s for begin, _, s in watch.answers if begin > done]
        assert after == sorted(after, key=lambda s: s == status)  # once seen, it is never unseen
    return seen - done


async def test_a_logout_is_seen_by_the_other_process(both: Both) -> None:
    seconds = []
    for number in range(10):
        one, other = (both.a, both.b) if number % 2 else (both.b, both.a)
        _, tokens = await both.come_in()
        watch = Watch(other, tokens["access_token"])

        async def log_out(one: Client = one, token: str = tokens["refresh_token"]) -> None:
            assert (await one.log_out(token)).status_code == 200

        async with in_the_background([watch.run()]):
            seconds.append(await seconds_until([watch], 401, log_out))
        assert (await one.me(tokens["access_token"])).status_code == 401
    assert sorted(seconds)[5] < BOUND / 4  # it is told, and nobody waits for the bound


async def test_a_user_who_is_disabled_is_seen_by_both_processes(both: Both) -> None:
    email, tokens = await both.come_in()
    watches = [Watch(client, tokens["access_token"]) for client in (both.a, both.b)]
    seconds = []
    async with in_the_background([watch.run() for watch in watches]):
        for disabled, status in ((True, 401), (False, 200)) * 3:
            for watch in watches:
                watch.answers.clear()

            async def change(disabled: bool = disabled) -> None:
                await both.set_disabled(email, disabled=disabled)

            seconds.append(await seconds_until(watches, status, change))
    assert sorted(seconds)[3] < BOUND / 4


@pytest.mark.parametrize("role", ["users", "sessions"])
async def test_who_hears_nothing_any_more_uses_no_copies_after_the_bound(
    both: Both, our_postgres: Server, our_redis: Server, role: Literal["users", "sessions"]
) -> None:
    server = our_postgres if role == "users" else our_redis
    outage = Outage(role, server, is_frozen=True)
    _, tokens = await both.come_in()
    watch = Watch(both.b, tokens["access_token"])

    async with in_the_background([watch.run()]):
        await watch.sees(200)
        try:
            await asyncio.to_thread(outage.begin)
            frozen_at = time.monotonic()
            await asyncio.sleep(BOUND)
            await watch.sees(503)
        finally:
            thawed_at = time.monotonic()
            await asyncio.to_thread(outage.end)
        await watch.sees(200)

    assert {status for _, _, status in watch.answers} == {200, 503}
    copies_used = [
        end for begin, end, status in watch.answers if status == 200 and begin > frozen_at
    ]
    assert any(end < frozen_at + BOUND for end in copies_used)
    late = [
        status
        for begin, end, status in watch.answers
        if begin > frozen_at + BOUND and end < thawed_at
    ]
    assert set(late) <= {503}
