"""A minimal load balancer: it forwards connections to services that report ready."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

import httpx

from tests.support.processes import Service
from tests.support.waiting import PATIENCE
from tests.system.clients import in_the_background

_PAUSE = 0.05  # seconds between two health checks


class Balancer:
    """
    :ivar ready: the services that reported ready at the last check, in rotation.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self.ready: list[Service] = []
        self._services = services
        self._stack = AsyncExitStack()
        self._url = ""
        self._calls: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return self._url

    async def __aenter__(self) -> Self:
        listener = await asyncio.start_server(self._serve, "127.0.0.1")
        self._stack.callback(listener.close)
        self._url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        checks = [self._ask(service) for service in self._services]
        await self._stack.enter_async_context(in_the_background(checks))
        await self.all_are_ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        for end in self._ends:
            end.transport.abort()
        await asyncio.gather(*self._calls)

    async def all_are_ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.ready) < len(self._services):  # noqa: ASYNC110
                await asyncio.sleep(_PAUSE)

    async def _ask(self, service: Service) -> None:
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
            while True:
                is_ready = False
                with suppress(httpx.TransportError):
                    is_ready = (await client.get("/health/ready")).is_success
                if is_ready and service not in self.ready:
                    self.ready.append(service)
                elif not is_ready and service in self.ready:
                    self.ready.remove(service)
                await asyncio.sleep(_PAUSE)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do not retry at another service: that would hide a failure."""
        self.ready.append(service := self.ready.pop(0))
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        self._ends.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", service.port)
            self._ends.add(far_writer)
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
            self._ends.discard(far_writer)
        except OSError:
            writer.close()
        finally:
            self._ends.discard(writer)
            self._calls.discard(call)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
