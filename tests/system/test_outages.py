"""A store dies or freezes under load, and comes back."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import psutil
import pytest

from tests.http.client import Client
from tests.support.processes import Service, a_service
from tests.support.servers import Server
from tests.system.clients import Answer, ContinuousClient, Refresher, in_the_background

Role = Literal["users", "sessions"]
LONGEST = 2 * 1.0 + 1  # twice the time-out, and a second for a busy machine


@dataclass
class Outage:
    """
    :ivar role: the store that is away: users in PostgreSQL, or sessions in Redis.
    """

    role: Role
    server: Server
    is_frozen: bool
    _frozen: list[int] = field(default_factory=list)

    def begin(self) -> None:
        if not self.is_frozen:
            self.server.stop()
            return
        assert self.server._child
        first = self.server._child.pid
        self._freeze(first)  # first, so that it forks no more processes
        for process in _children_of(first):
            self._freeze(process)

    def _freeze(self, process: int) -> None:
        os.kill(process, signal.SIGSTOP)
        self._frozen.append(process)

    def end(self) -> None:
        for process in self._frozen:
            os.kill(process, signal.SIGCONT)
        self._frozen.clear()
        if not self.server._child:
            self.server.start()


def _children_of(parent: int) -> list[int]:
    return [child.pid for child in psutil.Process(parent).children()]


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, on_servers: dict[str, str]
) -> Iterator[Service]:
    """Start one service for all tests: it has to survive each outage."""
    settings = on_servers | {"STORE_TIMEOUT": "1s"}
    with a_service(tmp_path_factory.mktemp("outages"), **settings) as service:
        yield service


@pytest.fixture(
    params=[(role, frozen) for role in ("users", "sessions") for frozen in (False, True)],
    ids=lambda param: f"{param[0]} {'frozen' if param[1] else 'dead'}",
)
def outage(
    request: pytest.FixtureRequest, our_postgres: Server, our_redis: Server
) -> Iterator[Outage]:
    role, is_frozen = request.param
    outage = Outage(role, our_postgres if role == "users" else our_redis, is_frozen)
    yield outage
    outage.end()


async def test_a_store_that_is_down_costs_one_timeout(
    outage: Outage, service: Service, client: Client
) -> None:
    mail = f"{outage.role}.{outage.is_frozen}@example.org"
    good, kept, revoked = [await client.obtain_tokens(mail) for _ in range(3)]
    assert (await client.log_out(revoked["refresh_token"])).status_code == 200
    owner = ContinuousClient(lambda: client.me(good["access_token"]))
    thief = ContinuousClient(lambda: client.me(revoked["access_token"]))
    refreshers = [Refresher(client, await client.obtain_tokens(mail)) for _ in range(2)]
    callers = [owner, thief, *refreshers]
    process = service.process

    async with in_the_background(caller.run() for caller in callers):
        await asyncio.gather(
            owner.receives_status(200),
            thief.receives_status(401),
            refreshers[0].receives_status(200),
        )
        await asyncio.to_thread(outage.begin)
        await asyncio.gather(owner.receives_status(503), refreshers[0].receives_status(503))
        await assert_it_says_so(outage, client, mail)
        await asyncio.to_thread(outage.end)
        await asyncio.gather(*(refresher.receives_status(200) for refresher in refreshers))
        await asyncio.gather(owner.receives_status(200), thief.receives_status(401))

    assert owner.statuses == {200, 503}
    assert {401} <= thief.statuses <= {401, 503}
    for refresher in refreshers:
        assert refresher.statuses == {200, 503}
        assert (await client.me(refresher.tokens["access_token"])).status_code == 200
    for answer in (answer for caller in callers for answer in caller.answers):
        assert answer.seconds < LONGEST
        assert answer.status != 503 or answer.headers["retry-after"] == "1"
    await assert_nothing_is_lost(client, mail, kept["refresh_token"])
    assert service.process is process
    assert surprises(service) == set()


def surprises(service: Service) -> set[str]:
    """Return the log lines with tracebacks. An outage causes none."""
    lines = [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    return {line["event"] for line in lines if "exception" in line}


async def assert_it_says_so(outage: Outage, client: Client, mail: str) -> None:
    """Check that requests that need the store fail, and others succeed."""
    strange = "x.y.z"
    asked = {
        "register": client.register(f"new.{mail}"),
        "log in": client.log_in(mail),
        "ready": client.get("/health/ready"),
        "live": client.get("/health/live"),
        "keys": client.get("/.well-known/jwks.json"),
        "forged": client.me(strange),
    }
    answers = dict(zip(asked, await asyncio.gather(*map(Answer.to, asked.values())), strict=True))

    assert {name: answer.status for name, answer in answers.items()} == {
        "register": 503,
        "log in": 503,
        "ready": 503,
        "live": 200,
        "keys": 200,
        "forged": 401,
    }
    assert max(answer.seconds for answer in answers.values()) < LONGEST
    checks = (await client.get("/health/ready")).json()["checks"]
    assert checks == {"users": "up", "sessions": "up", "keys": "up"} | {outage.role: "down"}


async def assert_nothing_is_lost(client: Client, mail: str, refresh_token: str) -> None:
    successor = await client.refresh(refresh_token)
    assert successor.status_code == 200
    assert (await client.me(successor.json()["access_token"])).status_code == 200
    assert (await client.register(mail)).status_code == 409
    assert (await client.log_in(mail)).status_code == 200
    assert (await client.get("/health/ready")).status_code == 200
