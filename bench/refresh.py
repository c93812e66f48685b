"""Refreshing tokens, against the raw rate of the two signatures that each refresh makes."""

import time
from collections.abc import Sequence
from functools import partial

from bench import client, raw, seed
from bench.client import Connection
from bench.cpu import Cost, cost_of
from bench.report import Report, Series, at_least, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from bench.turns import in_turns
from domain.token import TokenKind
from tests.support.processes import Service

LOOPS = 32
USERS = 512  # so many that no user comes near REFRESH_LIMIT_ACCOUNT
SETTINGS = {"REFRESH_LIMIT_ADDRESS": "off"}  # all come from one
SIGNATURES = 2  # for each refresh

SERVICE, RAW = "refresh, 1 worker", "RS256 signatures alone, in pairs"


class Chains:
    """The refresh tokens of many sessions, each the newest one of its session."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = list(tokens)

    def spend(self, service: Service, seconds: float) -> tuple[int, float]:
        """Refresh in :data:`LOOPS` parallel loops, each over chains of its own.

        :returns: how many refreshes there were, in how many seconds.
        """
        until = time.perf_counter() + seconds
        return client.run(client.in_parallel(service.port, LOOPS, partial(self._loop, until)))

    async def _loop(self, until: float, connection: Connection, number: int) -> int:
        count = 0
        while True:
            for chain in range(number, len(self._tokens), LOOPS):
                if time.perf_counter() >= until:
                    return count
                body = {"refresh_token": self._tokens[chain]}
                octets = client.request("POST", "/api/auth/refresh", body=body)
                answer = await connection.ask(octets)
                self._tokens[chain] = answer.content()["refresh_token"]
                count += 1


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        chains = Chains(seed.sign_tokens(testbed, seed.seed_users(urls, USERS), TokenKind.REFRESH))
        with started(testbed, urls, [Variant(SERVICE, settings=SETTINGS)]) as services:
            service, seconds = services[SERVICE], 2 * scale.seconds
            turns = {
                SERVICE: lambda: cost_of(service, partial(chains.spend, service, seconds)),
                RAW: lambda: _pairs(testbed, seconds),
            }
            chains.spend(service, scale.seconds)  # to warm up
            costs = in_turns(scale.rounds, turns)
    report.add(
        row(
            Series(SERVICE, [cost.per_cpu_second for cost in costs[SERVICE]]),
            "refreshes/CPU s of the server",
            Series(RAW, [cost.per_cpu_second for cost in costs[RAW]]),
            at_least(0.5),  # on threads, which cost CPU and save others the wait
        ),
        row(
            Series(f"{SERVICE}, by the clock", [cost.per_second for cost in costs[SERVICE]]),
            "refreshes/s",
            Series(RAW, [cost.per_second for cost in costs[RAW]]),
        ),
    )


def _pairs(testbed: Testbed, seconds: float) -> Cost:
    cost = testbed.processes.submit(raw.signatures, testbed.keys, seconds).result()
    return Cost(cost.count // SIGNATURES, cost.seconds, cost.cpu_seconds)
