"""The cost of a page of each list, with few rows and with a million.

The first page of users counts them too (up to a thousand; beyond that PostgreSQL estimates).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from urllib.parse import quote

from bench import seed
from bench.client import Connection, request
from bench.report import Report, Series, at_most, row
from bench.seed import SeededUser
from bench.services import Variant, started
from bench.testbed import Scale, StoreUrls, Testbed
from bench.turns import in_turns
from domain.token import TokenKind
from infrastructure.storage import page_cursor as cursor
from infrastructure.storage.sql.database import Database
from tests.support.processes import Service

SIZES = (1_000, 1_000_000)
REQUESTS = 50
"""In a turn, one after the other."""

UNIT = "ms/request"

# The first person is an administrator; every hundredth is disabled.
_SHAPE = (
    "UPDATE users SET role = 'admin' WHERE email = 'person1@example.org'",
    """
    UPDATE users SET disabled = true
    WHERE email LIKE 'person%00@example.org' AND role = 'user'
    """,
)
# The administrator's own events are a hundredth of all.
_EVENTS = """
INSERT INTO audit_events (number, id, at, what, outcome, user_id, detail, request_id, address,
    address_salt, address_digest, previous, digest)
SELECT number, md5(number::text), now() - make_interval(secs => $1::int - number),
    CASE WHEN number % 10 = 0 THEN 'logout' ELSE 'login' END, 'success',
    md5((CASE WHEN number % 100 = 0 THEN 1 ELSE number END)::text)::uuid, '', '', '192.0.2.1',
    md5('salt'), '', '', '' FROM generate_series(1, $1::int) AS number
"""
_MIDDLE = """
SELECT created_at, id FROM users ORDER BY created_at DESC, id DESC OFFSET $1::int / 2 LIMIT 1
"""

_READ_MORE = {"GET /api/users?email=…&disabled=true", "GET /api/audit?until=…, half-way"}
"""Which read past what they do not show: see ADR 13 and 14."""

Turn = tuple[str, int]
"""A list, with this many rows."""


def measure(testbed: Testbed, scale: Scale, report: Report) -> None:
    turns: dict[Turn, Callable[[], float]] = {}
    with ExitStack() as stack:
        for size in SIZES:
            turns |= _lists(testbed, size, stack)
        in_turns(1, turns)  # to warm up
        times = in_turns(scale.rounds, turns)
    few, many = SIZES
    for name in {name: None for name, _ in turns}:
        smallest = Series(f"{name}, {few} rows", times[name, few])
        report.add(row(smallest, UNIT))
        largest = Series(f"{name}, {many} rows", times[name, many])
        target = None if name in _READ_MORE else at_most(3)
        report.add(row(largest, UNIT, smallest, target))


def _lists(testbed: Testbed, size: int, stack: ExitStack) -> dict[Turn, Callable[[], float]]:
    """Return the lists to measure with this number of rows, on a service of their own."""
    urls = stack.enter_context(testbed.stores())
    seeded = seed.seed_users(urls, size, logged_in=1)
    middle = asyncio.run(_plant(urls, size))
    variant = Variant(f"{size} rows")
    service = stack.enter_context(started(testbed, urls, [variant]))[variant.name]
    [token] = seed.sign_tokens(testbed, seeded, TokenKind.ACCESS)
    return {
        (name, size): partial(_ask, service, request("GET", path, token))
        for name, path in _paths(size, middle, seeded).items()
    }


def _paths(size: int, middle: str, seeded: Sequence[SeededUser]) -> Mapping[str, str]:
    then = quote((datetime.now(UTC) - timedelta(seconds=size // 2)).isoformat())
    half = cursor.write("number", size // 2)
    user_id = seeded[0].session.user_id
    return {
        "GET /api/users": "/api/users",
        "GET /api/users, half-way": f"/api/users?after={middle}",
        "GET /api/users?email=…": "/api/users?email=person5",
        "GET /api/users?name=…": "/api/users?name=ada",
        "GET /api/users?role=admin": "/api/users?role=admin",
        "GET /api/users?disabled=true": "/api/users?disabled=true",
        "GET /api/users?name=…&role=admin": "/api/users?name=ada&role=admin",
        "GET /api/users?email=…&disabled=true": "/api/users?email=person&disabled=true",
        "GET /api/audit": "/api/audit",
        "GET /api/audit, half-way": f"/api/audit?after={half}",
        "GET /api/audit?what=logout": "/api/audit?what=logout",
        "GET /api/audit?user=…": f"/api/audit?user={user_id}",
        "GET /api/audit?until=…, half-way": f"/api/audit?until={then}",
        "GET /api/users/me/activity": "/api/users/me/activity",
        "GET /api/sessions": "/api/sessions",
        "GET /api/users/{id}/sessions": f"/api/users/{user_id}/sessions",
    }


async def _plant(urls: StoreUrls, size: int) -> str:
    """
    :returns: where the page in the middle of all users begins.
    """
    async with (
        Database.open(urls.users, seed.PATIENT) as database,
        database.dedicated_connection() as connection,
    ):
        for statement in _SHAPE:
            await connection.execute(statement)
        await connection.execute(_EVENTS, size)
        await connection.execute("VACUUM ANALYZE")  # autovacuum, which would do it, is off
        created_at, user_id = await connection.fetchrow(_MIDDLE, size)
    return cursor.write("time", created_at.isoformat(), user_id)


def _ask(service: Service, octets: bytes) -> float:
    return asyncio.run(_median(service.port, octets))


async def _median(port: int, octets: bytes) -> float:
    times = []
    async with Connection.open(port) as connection:
        for _ in range(REQUESTS):
            start = time.perf_counter()
            answer = await connection.ask(octets)
            times.append((time.perf_counter() - start) * 1000)
            answer.check()
    return median(times)
