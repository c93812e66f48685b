"""Before measuring: every worker has seen every token, as it has after some minutes of service."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

from bench import client
from bench.client import Connection
from bench.cpu import processes
from tests.support.processes import Service
from tests.support.waiting import until

_CONNECTIONS = 16
_MOST_CONNECTIONS = 512
_STARTED = "Application startup complete."
"""What uvicorn logs for each worker, the references' included."""


def fill(service: Service, tokens: Sequence[str]) -> None:
    """Use each token once with each worker."""
    workers = int(service.environment["WORKERS"])
    until(
        lambda: service.log.count(_STARTED) >= workers, f"{workers} workers of {service.command}"
    )
    client.run(_fill(service, tokens))


async def _fill(service: Service, tokens: Sequence[str]) -> None:
    async with AsyncExitStack() as stack:
        groups = await _connect(service, stack)
        workers = [(group, iter(tokens)) for group in groups]
        uses = [_use(connection, todo) for group, todo in workers for connection in group]
        await asyncio.gather(*uses)


async def _connect(service: Service, stack: AsyncExitStack) -> list[list[Connection]]:
    """
    :returns: connections to each worker. Which one accepts a connection is up to chance.
    """
    opened: list[Connection] = []
    while len(opened) < _MOST_CONNECTIONS:
        connection = await stack.enter_async_context(Connection.open(service.port))
        (await connection.ask(client.request("GET", "/health/live"))).check()  # it is accepted
        opened.append(connection)
        groups = _by_worker(service, opened) if len(opened) % _CONNECTIONS == 0 else []
        if len(groups) == int(service.environment["WORKERS"]):
            return groups
    raise RuntimeError("some workers accept no connections")


async def _use(connection: Connection, tokens: Iterator[str]) -> None:
    for token in tokens:
        (await connection.ask(client.request("GET", "/api/users/me", token))).check()


def _by_worker(service: Service, opened: Sequence[Connection]) -> list[list[Connection]]:
    accepted = [
        {each.raddr.port for each in process.net_connections("tcp") if each.raddr}
        for process in processes(service)
    ]
    groups = [[each for each in opened if each.port in ports] for ports in accepted]
    return [group for group in groups if group]
