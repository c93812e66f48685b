"""What sessions take in Redis, audit events in PostgreSQL, and cached users in a worker."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import redis

from bench import seed, warm
from bench.cpu import resident_bytes
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from domain.audit.event import Event, EventType
from domain.outcome import Outcome
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.session_activity import SessionActivity
from domain.token import TokenKind
from domain.user import UserId
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.audit.append import append
from infrastructure.storage.sql.database import Database

USERS = 10_000
SESSIONS = 3  # of each user
EVENTS = 20_000  # logins, in transactions of 500
MIB = 2**20
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


def measure(testbed: Testbed, _scale: Scale, report: Report) -> None:
    _measure_redis(testbed, report)
    with testbed.databases.fresh() as url:
        octets = asyncio.run(_taken_by_events(url))
    name = "the audit event of a login in PostgreSQL, with its indexes"
    report.add(row(Series(name, [octets / EVENTS]), "bytes", target=at_most(600)))
    _measure_worker(testbed, report)


def _measure_redis(testbed: Testbed, report: Report) -> None:
    name = f"a session in Redis, its user's index included, at {SESSIONS} sessions a user"
    report.add(row(Series(name, [_taken(testbed)]), "bytes", target=at_most(160)))
    with_activity = [_taken(testbed, SessionActivity(datetime.now(UTC), "192.0.2.123", AGENT))]
    seen = Series(f"{name}, with where and by what it was seen", with_activity)
    report.add(row(seen, "bytes", target=at_most(220)))


def _taken(testbed: Testbed, activity: SessionActivity | None = None) -> float:
    with testbed.stores() as urls, redis.Redis.from_url(urls.sessions) as server:
        before = _used(server)
        seed.seed_users(urls, USERS, sessions=SESSIONS, activity=activity)
        return (_used(server) - before) / (USERS * SESSIONS)


def _used(server: redis.Redis) -> int:
    facts: Any = server.info("memory")
    return int(facts["used_memory"])


async def _taken_by_events(url: str) -> int:
    async with Database.open(url, StoreOptions()) as database:
        begin, users = datetime.now(UTC), [UserId(uuid4()) for _ in range(EVENTS // 10)]
        for first in range(0, EVENTS, 500):
            events = [_login(begin, number, users) for number in range(first, first + 500)]
            async with database.transaction("users") as connection:
                await append(connection, events)
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT pg_total_relation_size('audit_events')"))
    finally:
        await connection.close()


def _login(begin: datetime, number: int, users: list[UserId]) -> Event:
    """An event of one of the users, each from its own address."""
    address = f"192.0.{number // 250 % 250}.{number % 250}"
    return Event(
        secrets.token_hex(16),
        EventType.LOGIN,
        Outcome.SUCCESS,
        begin + timedelta(seconds=number),
        RequestContext(address, secrets.token_hex(8)),
        users[number % len(users)],
        SessionId(secrets.token_hex(16)),
    )


def _measure_worker(testbed: Testbed, report: Report) -> None:
    """Measure a worker whose cached users have one session and one token each."""
    with testbed.stores() as urls:
        tokens = seed.sign_tokens(testbed, seed.seed_users(urls, 2 * USERS), TokenKind.ACCESS)
        with started(testbed, urls, [Variant("Doorward")]) as services:
            service = services["Doorward"]
            held = {0: resident_bytes(service)}
            for count in (USERS, 2 * USERS):
                warm.fill(service, tokens[count - USERS : count])
                held[count] = resident_bytes(service)
    for count, octets in held.items():
        name = f"memory of a worker with {count} cached users (RSS)"
        report.add(row(Series(name, [octets / MIB]), "MiB"))
    each = (held[2 * USERS] - held[USERS]) / USERS
    report.add(row(Series("a cached user, with a session and a token", [each]), "bytes"))
