"""The latency of logged-in users while many others log in.

`GET /api/users/me` is asked at a modest rate on a schedule that waits for no answer, so that a
slow answer delays no later question. The password hashes of the storm have a thread of their own.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from statistics import quantiles

from bench import client, login, seed, warm
from bench.client import Connection
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from domain.token import TokenKind
from tests.support.processes import Service

RATE = 200  # questions a second
STORM = 32  # people who log in again and again
TOKENS = 1_000
CONNECTIONS = 256  # far more than wait for an answer at one moment

QUIET, STORMY = "without logins", f"while {STORM} loops log in"


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seeded = seed.seed_users(urls, TOKENS)
        tokens = seed.sign_tokens(testbed, seeded, TokenKind.ACCESS)
        with started(testbed, urls, [Variant("Doorward", settings=login.SETTINGS)]) as services:
            service = services["Doorward"]
            warm.fill(service, tokens)
            turns = {
                QUIET: partial(_ask, service, tokens, scale.storm_seconds, 0),
                STORMY: partial(_ask, service, tokens, scale.storm_seconds, STORM),
            }
            times = in_turns(scale.rounds, turns)
    # A ratio to the quiet one would be the measure; but that scatters from 0.6 to 2.5 ms.
    for percent, target in ((50, None), (99, at_most(10))):
        quiet, stormy = (
            Series(
                f"p{percent} of GET /api/users/me at {RATE}/s {name}",
                [quantiles(each, n=100)[percent - 1] for each in times[name]],
            )
            for name in (QUIET, STORMY)
        )
        report.add(row(quiet, "ms"), row(stormy, "ms", quiet, target, of_value=True))


def _ask(service: Service, tokens: Sequence[str], seconds: int, storm: int) -> list[float]:
    """
    :param storm: how many loops log in meanwhile.
    :returns: the latencies in milliseconds.
    """
    return client.run(_ask_in_storm(service.port, tokens, seconds, storm))


async def _ask_in_storm(port: int, tokens: Sequence[str], seconds: int, storm: int) -> list[float]:
    loops = [asyncio.create_task(_log_in_repeatedly(port, 1 + n)) for n in range(storm)]
    try:
        return await _ask_on_schedule(port, tokens, seconds * RATE)
    finally:
        for loop in loops:
            loop.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


async def _log_in_repeatedly(port: int, user: int) -> None:
    async with Connection.open(port) as connection:
        while True:
            (await connection.ask(login.request(user))).check()


async def _ask_on_schedule(port: int, tokens: Sequence[str], count: int) -> list[float]:
    async with AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(Connection.open(port)) for _ in range(CONNECTIONS)]
        start, asked = time.perf_counter(), []
        for turn in range(count):
            await asyncio.sleep(start + turn / RATE - time.perf_counter())
            octets = client.request("GET", "/api/users/me", tokens[turn % len(tokens)])
            asked.append(asyncio.create_task(_time(idle, octets)))
        return await asyncio.gather(*asked)


async def _time(idle: list[Connection], octets: bytes) -> float:
    """Measure from the sending: a delay before it is the machine's, not the server's.

    :returns: milliseconds.
    """
    connection = idle.pop(0)
    start = time.perf_counter()
    (await connection.ask(octets)).check()
    took = (time.perf_counter() - start) * 1000
    idle.append(connection)
    return took
