"""The page with the figures of a month, counted from few events and from very many."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from application.figures.counting import CountEvents
from bench import client, seed
from bench.client import Connection
from bench.cpu import Cost, cost_of
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, StoreUrls, Testbed
from bench.turns import in_turns
from domain.token import TokenKind
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.figures import SqlFigures
from tests.support.processes import Service

FEW = 1_000
REQUESTS = 50
"""In a turn, one after the other."""

# A tenth of the logins is refused, and a hundredth of all are registrations.
_EVENTS = """
INSERT INTO audit_events (number, id, at, what, outcome, user_id, detail, request_id, address,
    address_salt, address_digest, previous, digest)
SELECT number, md5(number::text), now() - interval '29 days' * (1 - number / $1::float),
    CASE WHEN number % 100 = 1 THEN 'register' ELSE 'login' END,
    CASE WHEN number % 10 = 0 THEN 'invalid_credentials' ELSE 'success' END,
    md5(number::text)::uuid, '', '', '192.0.2.1', md5('salt'), '', '', ''
FROM generate_series(1, $1::int) AS number
"""
# Neither the page nor the job uses these, and each takes longer to fill than the table.
_UNUSED = """
DROP INDEX audit_events_at_idx, audit_events_user_id_number_idx,
    audit_events_actor_id_number_idx, audit_events_what_number_idx,
    audit_events_outcome_number_idx
"""


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    turns: dict[int, Callable[[], Cost]] = {}
    with ExitStack() as stack:
        for events in (FEW, scale.events):
            turns[events] = _page(testbed, events, report, stack)
        in_turns(1, turns)  # to warm up
        costs = in_turns(scale.rounds, turns)
    few, many = (_by_clock(events, costs[events]) for events in costs)
    report.add(row(few, "ms/request"))
    report.add(row(many, "ms/request", few, at_most(1.5)))
    cpu = [each.cpu_microseconds / 1000 for each in costs[scale.events]]
    name = f"GET /admin?period=30d, {scale.events} events, by CPU time"
    report.add(row(Series(name, cpu), "CPU ms of the server/request"))


def _by_clock(events: int, costs: list[Cost]) -> Series:
    times = [each.seconds / each.count * 1000 for each in costs]
    return Series(f"GET /admin?period=30d, {events} events", times)


def _page(testbed: Testbed, events: int, report: Report, stack: ExitStack) -> Callable[[], Cost]:
    """Return the measurement of the page with so many events, on a service of their own."""
    urls = stack.enter_context(testbed.stores())
    seeded = seed.seed_users(urls, 1)
    rate = asyncio.run(_plant(urls, events))
    report.add(row(Series(f"counting {events} events", [rate]), "events/s"))
    variant = Variant(f"{events} events")
    service = stack.enter_context(started(testbed, urls, [variant]))[variant.name]
    [token] = seed.sign_tokens(testbed, seeded, TokenKind.ACCESS)
    ask = client.request("GET", "/admin?period=30d", cookies=f"access_token={token}")
    return partial(cost_of, service, partial(_ask, service, ask))


async def _plant(urls: StoreUrls, events: int) -> float:
    """Store the events, and count them.

    :returns: how many were counted in a second.
    """
    async with Database.open(urls.users, seed.PATIENT) as database:
        async with database.dedicated_connection() as connection:
            await connection.execute("UPDATE users SET role = 'admin'")
            await connection.execute(_UNUSED)
            await connection.execute("ALTER TABLE audit_events SET UNLOGGED")
            await connection.execute(_EVENTS, events)
            await connection.execute("VACUUM ANALYZE")  # autovacuum, which would do it, is off
        start = time.perf_counter()
        await CountEvents(SqlAuditLog(database), SqlFigures(database))()
        return events / (time.perf_counter() - start)


def _ask(service: Service, octets: bytes) -> tuple[int, float]:
    async def loop(connection: Connection, _number: int) -> int:
        for _ in range(REQUESTS):
            (await connection.ask(octets)).check()
        return REQUESTS

    return client.run(client.in_parallel(service.port, 1, loop))
