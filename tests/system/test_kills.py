"""Kills at any moment: acknowledged changes are durable, and no change is partial."""

import asyncio
import random
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.http.client import Client, Tokens
from tests.support.processes import Service
from tests.support.waiting import PATIENCE
from tests.system.conftest import STEADY, on_both_stacks

KILLS = 3
RESIDENTS = 4


@dataclass
class LoopingUser:
    """A user who registers, then logs in, refreshes and logs out in a loop.

    :ivar answered: called on each response.
    :ivar asking: the request without a response.
    :ivar is_registered: whether the registration was acknowledged.
    :ivar tokens: the newest tokens.
    :ivar dead: the tokens of acknowledged logouts.
    """

    client: Client
    email: str
    dice: random.Random
    answered: Callable[[], None]
    asking: str = ""
    is_registered: bool = False
    tokens: Tokens | None = None
    dead: list[Tokens] = field(default_factory=list)

    async def live(self) -> None:
        """Run until the service is killed."""
        try:
            while True:
                await self.do_something()
                self.answered()
        except httpx.TransportError:
            pass

    async def do_something(self) -> None:
        if not self.is_registered:
            self.asking = "register"
            assert (await self.client.register(self.email)).status_code == 200
            self.is_registered = True
        elif self.tokens is None:
            self.asking = "log in"
            self.tokens = self._tokens(await self.client.log_in(self.email, transport="bearer"))
        elif self.dice.random() < 0.7:
            self.asking = "refresh"
            self.tokens = self._tokens(await self.client.refresh(self.tokens["refresh_token"]))
        else:
            self.asking = "log out"
            answer = await self.client.log_out(self.tokens["refresh_token"])
            assert answer.status_code == 200
            self.dead.append(self.tokens)
            self.tokens = None
        self.asking = ""

    @staticmethod
    def _tokens(answer: httpx.Response) -> Tokens:
        assert answer.status_code == 200, answer.text
        tokens: Tokens = answer.json()
        return tokens

    async def check_state(self) -> None:
        """Check the state after the restart of the service."""
        again = (await self.client.register(self.email)).status_code
        assert again == 409 or (again == 200 and not self.is_registered)
        self.is_registered = True
        assert (await self.client.log_in(self.email)).status_code == 200
        for tokens in self.dead[-5:]:
            assert await self._is_good(tokens) is False
        if self.tokens is not None:
            await self._look_at(self.tokens)
        self.asking = ""

    async def _look_at(self, tokens: Tokens) -> None:
        if self.asking == "log out":  # either effective or not, for both tokens
            if await self._is_good(tokens):
                assert (await self.client.log_out(tokens["refresh_token"])).status_code == 200
            self.dead.append(tokens)
            self.tokens = None
            return
        assert (await self.client.me(tokens["access_token"])).status_code == 200
        # This repeats a refresh without a response, or is the next one.
        self.tokens = self._tokens(await self.client.refresh(tokens["refresh_token"]))
        self.tokens = self._tokens(await self.client.refresh(self.tokens["refresh_token"]))
        assert (await self.client.me(self.tokens["access_token"])).status_code == 200

    async def _is_good(self, tokens: Tokens) -> bool:
        answers = [
            (await self.client.me(tokens["access_token"])).status_code,
            (await self.client.refresh(tokens["refresh_token"])).status_code,
        ]
        assert answers in ([200, 200], [401, 401])
        return answers == [200, 200]


async def test_acknowledged_changes_outlive_a_kill(
    tmp_path: Path, on_servers: dict[str, str]
) -> None:
    with on_both_stacks(tmp_path, on_servers, TOKEN_ALGORITHM="EdDSA", **STEADY) as services:
        await asyncio.gather(
            *(kill_again_and_again(service, name) for name, service in services.items())
        )


async def kill_again_and_again(service: Service, stack: str) -> None:
    dice, left = random.Random(stack), 0

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            assert service.process
            service.process.send_signal(signal.SIGKILL)

    # No keep-alive: connections end with each process.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with AsyncExitStack() as stack_of_clients:
        clients = [  # each with cookies of its own: a repeated refresh is bound to the device
            await stack_of_clients.enter_async_context(
                Client(base_url=service.url, timeout=PATIENCE, limits=limits)
            )
            for _ in range(RESIDENTS)
        ]
        residents = [
            LoopingUser(client, f"{dice.getrandbits(64):x}@example.org", dice, count_down)
            for client in clients
        ]
        for _ in range(KILLS):
            left = dice.randint(1, 60)
            await asyncio.gather(*(resident.live() for resident in residents))
            assert service.process
            assert service.process.wait() == -signal.SIGKILL
            await asyncio.to_thread(service.start)
            await asyncio.gather(*(resident.check_state() for resident in residents))
            assert (await clients[0].get("/health/ready")).status_code == 200
    assert {resident.is_registered for resident in residents} == {True}
