"""How long a token is still accepted by one process after its session was ended through another.

Two services on the same stores, so that nothing but those tells the one of the other's logout.
"""

import asyncio
import time
from collections.abc import Sequence
from statistics import quantiles

from bench import client, seed
from bench.client import Connection
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from domain.token import TokenKind

ENDS, HEARS = "the process that ends the session", "the other process"
WARMING = 10  # logouts that are not measured


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seeded = seed.seed_users(urls, WARMING + scale.revocations)
        tokens = seed.sign_tokens(testbed, seeded, TokenKind.ACCESS)
        with started(testbed, urls, [Variant(ENDS), Variant(HEARS)]) as services:
            ports = services[ENDS].port, services[HEARS].port
            times = client.run(_revoke_all(*ports, tokens))[WARMING:]
    percentiles = quantiles(times, n=100, method="inclusive")
    for name, value, target in (
        ("p50", percentiles[49], None),
        ("p99", percentiles[98], at_most(10)),
        ("maximum", max(times), None),
    ):
        report.add(
            row(
                Series(f"from a logout to its effect in another process: {name}", [value]),
                "ms",
                target=target,
            )
        )


async def _revoke_all(ends: int, hears: int, tokens: Sequence[str]) -> list[float]:
    async with Connection.open(ends) as ending, Connection.open(hears) as hearing:
        return [await _revoke(ending, hearing, token) for token in tokens]


async def _revoke(ending: Connection, hearing: Connection, token: str) -> float:
    """
    :returns: the milliseconds from the sending of the logout to the sending of the first question
        that is answered with 401.
    """
    question = client.request("GET", "/api/users/me", token)
    for _ in range(2):  # the first answer leaves a copy, the second one comes from it
        (await hearing.ask(question)).check()
    sent = time.perf_counter()
    logout = asyncio.create_task(ending.ask(client.request("POST", "/api/auth/logout", token)))
    while True:
        asked = time.perf_counter()
        answer = await hearing.ask(question)
        if answer.status == 401:
            (await logout).check()
            return (asked - sent) * 1000
        answer.check()
