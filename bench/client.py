"""A small HTTP/1.1 client that keeps its connections and measures little of itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import uvloop

_T = TypeVar("_T")
Json = dict[str, Any]


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine on the event loop that the service uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def request(
    method: str,
    path: str,
    token: str | None = None,
    body: Mapping[str, Any] | None = None,
    cookies: str = "",
) -> bytes:
    """The octets of a request, with a token in its header or JSON in its body, or with cookies."""
    content = json.dumps(body).encode() if body else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if cookies:
        head += f"Cookie: {cookies}\r\n"
    if body:
        head += "Content-Type: application/json\r\n"
    return head.encode() + b"\r\n" + content


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def content(self) -> Any:
        """
        :raises RuntimeError: it is no success.
        """
        self.check()
        return json.loads(self.body)

    def check(self) -> None:
        """
        :raises RuntimeError: it is no success.
        """
        if not 200 <= self.status < 300:
            raise RuntimeError(f"the service answers {self.status}: {self.body.decode()}")


class Connection:
    """One connection, with one pending request at a time.

    :ivar port: of this side.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.port: int = writer.get_extra_info("sockname")[1]

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int) -> AsyncIterator[Self]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def ask(self, octets: bytes) -> Answer:
        """
        :raises OSError, EOFError: the connection breaks.
        """
        self._writer.write(octets)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        _, _, length = head.partition(b"content-length: ")
        size = int(length.partition(b"\r\n")[0] or 0)
        return Answer(int(head[9:12]), await self._reader.readexactly(size))


async def in_parallel(
    port: int, loops: int, work: Callable[[Connection, int], Awaitable[int]]
) -> tuple[int, float]:
    """
    :param work: of one of these many loops; with a connection of its own, and its number.
    :returns: how many requests they have made together, and in how many seconds.
    """

    async def loop(number: int) -> int:
        async with Connection.open(port) as connection:
            return await work(connection, number)

    start = time.perf_counter()
    counts = await asyncio.gather(*(loop(number) for number in range(loops)))
    return sum(counts), time.perf_counter() - start
