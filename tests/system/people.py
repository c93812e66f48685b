"""People who use the service all the time, and note what they were answered."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.http.people import Client, Tokens

PATIENCE = 120.0
"""In seconds; nothing takes that long unless the machine is very busy."""


@dataclass
class Answer:
    """
    :ivar seconds: that it took.
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
    """Asks the same over and over.

    :ivar answers: all there were until now.
    """

    ask: Callable[[], Awaitable[httpx.Response]]
    answers: list[Answer] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            self.answers.append(await Answer.to(self.ask()))
            self._news.set()

    async def hears(self, status: int) -> None:
        """Wait for an answer that is given from now on."""
        known = len(self.answers)
        async with asyncio.timeout(PATIENCE):
            while status not in {answer.status for answer in self.answers[known:]}:
                self._news.clear()
                await self._news.wait()

    @property
    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}


class Refresher(ContinuousClient):
    """Refreshes all the time, and after a failure once more with the token at hand."""

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
