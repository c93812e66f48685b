"""Clients that send requests continuously and record the responses."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.http.client import Client, Tokens
from tests.support.waiting import PATIENCE

PACE = 0.04
"""Seconds between two requests of a client: the service needs the processor, too."""


@dataclass
class Answer:
    """
    :ivar seconds: from the request to the response.
    """

    status: int
    seconds: float
    headers: httpx.Headers

    @classmethod
    async def to(cls, call: Awaitable[httpx.Response]) -> "Answer":
        begin = time.monotonic()
        response = await call
        return cls(response.status_code, time.monotonic() - begin, response.headers)


@dataclass
class ContinuousClient:
    """A client that repeats one request.

    :ivar answers: the responses so far.
    """

    ask: Callable[[], Awaitable[httpx.Response]]
    answers: list[Answer] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            self.answers.append(await Answer.to(self.ask()))
            self._news.set()
            await asyncio.sleep(PACE)

    async def receives_status(self, status: int) -> None:
        """Wait for the next response with this status."""
        known = len(self.answers)
        async with asyncio.timeout(PATIENCE):
            while status not in {answer.status for answer in self.answers[known:]}:
                self._news.clear()
                await self._news.wait()

    @property
    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}


class Refresher(ContinuousClient):
    """A client that refreshes continuously, after a failure with the same token again."""

    def __init__(self, client: Client, tokens: Tokens) -> None:
        super().__init__(self._refresh)
        self.client, self.tokens = client, tokens

    async def _refresh(self) -> httpx.Response:
        answer = await self.client.refresh(self.tokens["refresh_token"])
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


@asynccontextmanager
async def in_the_background(work: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
