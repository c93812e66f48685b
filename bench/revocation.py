"""How long a token of a session that one process has ended is still accepted by another one.

Two services on the same stores, so that nothing but those tells the one of the other's logout.
"""

import time
from collections.abc import Sequence
from statistics import quantiles

from bench import client, people
from bench.client import Connection
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from domain.token import TokenKind

ENDS, HEARS = "the process that ends the session", "the other process"
WARMING = 10  # logouts that are not measured


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        crowd = people.plant(urls, WARMING + scale.revocations)
        tokens = people.mint(testbed, crowd, TokenKind.ACCESS)
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
                Series(f"revocation heard by another process: {name}", [value]),
                "ms",
                target=target,
            )
        )


async def _revoke_all(ends: int, hears: int, tokens: Sequence[str]) -> list[float]:
    async with Connection.open(ends) as ending, Connection.open(hears) as hearing:
        return [await _revoke(ending, hearing, token) for token in tokens]


async def _revoke(ending: Connection, hearing: Connection, token: str) -> float:
    """
    :returns: the milliseconds from the answer to the logout to the sending of the first question
        that is answered with 401.
    """
    question = client.request("GET", "/api/users/me", token)
    for _ in range(2):  # the first answer leaves a copy, the second one comes from it
        (await hearing.ask(question)).check()
    (await ending.ask(client.request("POST", "/api/auth/logout", token))).check()
    heard = time.perf_counter()
    while True:
        sent = time.perf_counter()
        answer = await hearing.ask(question)
        if answer.status == 401:
            return (sent - heard) * 1000
        answer.check()
