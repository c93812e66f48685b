"""The requests that other services make with each of their own: is this session live?

`GET /api/users/me` and `GET /api/auth/verify` are compared with a bare Litestar route that answers
with the bytes of the former, with the service without a cache, and with the tutorial's design.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product, starmap

from bench import client, latency, seed, warm
from bench.client import Answer, Connection
from bench.cpu import Cost, cost_of
from bench.report import Report, Row, Series, Target, at_least, row
from bench.services import BODY, Variant, started
from bench.testbed import Scale, StoreUrls, Testbed
from bench.turns import in_turns
from bench.wrk import TokenFile, drive
from domain.token import TokenKind
from tests.support.processes import Service

DISTINCT = 10_000
"""Tokens, each of another user."""

ME, VERIFY = "/api/users/me", "/api/auth/verify"
OF_THE_BARE_ROUTE = {ME: at_least(0.6), VERIFY: at_least(0.7)}
OF_NO_CACHE = at_least(5)  # 8 until uncached requests took half

NO_CACHE, TUTORIAL = "no cache (CACHED_USERS=0)", "the tutorial's design"
UNIT = "requests/CPU s of the server"
_WITHOUT_CACHE = {"CACHED_USERS": "0"}


def ours(workers: int) -> str:
    return f"Doorward, {_counted(workers, 'worker')}"


def bare(workers: int) -> str:
    return f"bare route, {_counted(workers, 'worker')}"


@dataclass(frozen=True, slots=True)
class Case:
    """
    :ivar server: the name of the server.
    :ivar tokens: how many distinct ones.
    """

    server: str
    path: str = ME
    tokens: int = DISTINCT

    def __str__(self) -> str:
        return f"{self.server}: GET {self.path}, {_counted(self.tokens, 'token')}"


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    with testbed.stores() as urls:
        seeded = seed.seed_users(urls, DISTINCT)
        tokens = seed.sign_tokens(testbed, seeded, TokenKind.ACCESS)
        with _servers(testbed, urls, tokens[0]) as servers:
            for name, server in servers.items():
                warm.fill(server, tokens if name in {ours(1), ours(2)} else tokens[:200])
            files = {n: TokenFile.of(tokens[:n], testbed.folder) for n in (1, DISTINCT)}
            _compare(servers, files, scale, report)
            compared = {name: servers[name].url + ME for name in (ours(1), bare(1))}
            report.latency += latency.measure(compared, files[DISTINCT], scale)


@contextmanager
def _servers(testbed: Testbed, urls: StoreUrls, token: str) -> Iterator[dict[str, Service]]:
    variants = [Variant(ours(workers), workers=workers) for workers in (1, 2)]
    variants += [Variant(NO_CACHE, settings=_WITHOUT_CACHE)]
    variants += [Variant(TUTORIAL, "bench.reference:tutorial", settings=_WITHOUT_CACHE)]
    with started(testbed, urls, variants) as servers:
        body = {BODY: _ask(servers[NO_CACHE], ME, token).body.decode()}
        references = [Variant(bare(n), "bench.reference:bare", n, body) for n in (1, 2)]
        with started(testbed, urls, references) as bare_servers:
            yield servers | bare_servers


def _compare(
    servers: Mapping[str, Service], files: Mapping[int, TokenFile], scale: Scale, report: Report
) -> None:
    turns = {
        case: partial(_drive, servers[case.server], case.path, files[case.tokens], scale)
        for case in _cases()
    }
    costs = in_turns(scale.rounds, turns)
    for workers, (path, target), tokens in product(
        (1, 2), OF_THE_BARE_ROUTE.items(), (1, DISTINCT)
    ):
        case, reference = Case(ours(workers), path, tokens), Case(bare(workers))
        report.add(_cpu_row(costs, case, reference, target if tokens == DISTINCT else None))
        report.add(_clock_row(costs, case, reference))
    for path in (ME, VERIFY):
        report.add(_cpu_row(costs, Case(ours(1), path), Case(NO_CACHE, path), OF_NO_CACHE))
    report.add(_cpu_row(costs, Case(ours(1)), Case(TUTORIAL)))


def _cases() -> list[Case]:
    mine = product((ours(1), ours(2)), (ME, VERIFY), (1, DISTINCT))
    others = (
        Case(bare(1)),
        Case(bare(2)),
        Case(TUTORIAL),
        Case(NO_CACHE),
        Case(NO_CACHE, VERIFY),
    )
    return [*starmap(Case, mine), *others]


def _drive(service: Service, path: str, tokens: TokenFile, scale: Scale) -> Cost:
    def work() -> tuple[int, float]:
        load = drive(service.url + path, tokens, scale.seconds)
        return load.requests, load.seconds

    return cost_of(service, work)


def _cpu_row(
    costs: Mapping[Case, Sequence[Cost]], case: Case, reference: Case, target: Target | None = None
) -> Row:
    """The rows that count: the clock shares the cores with `wrk`, PostgreSQL and Redis."""
    values, divisors = (
        [cost.per_cpu_second for cost in costs[each]] for each in (case, reference)
    )
    name = f"{case}, against {reference.server}"
    return row(Series(name, values), UNIT, Series(str(reference), divisors), target)


def _clock_row(costs: Mapping[Case, Sequence[Cost]], case: Case, reference: Case) -> Row:
    values, divisors = ([cost.per_second for cost in costs[each]] for each in (case, reference))
    return row(
        Series(f"{case}, by the clock", values), "requests/s", Series(str(reference), divisors)
    )


def _ask(service: Service, path: str, token: str) -> Answer:
    async def ask() -> Answer:
        async with Connection.open(service.port) as connection:
            return await connection.ask(client.request("GET", path, token))

    return client.run(ask())


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
