"""The memory of sessions in Redis, and of cached users in a worker."""

from datetime import UTC, datetime
from typing import Any

import redis

from bench import seed, warm
from bench.cpu import resident_bytes
from bench.report import Report, Series, at_most, row
from bench.services import Variant, started
from bench.testbed import Scale, Testbed
from domain.session_activity import SessionActivity
from domain.token import TokenKind

USERS = 10_000
SESSIONS = 3  # of each user
MIB = 2**20
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


def measure(testbed: Testbed, _scale: Scale, report: Report) -> None:
    _measure_redis(testbed, report)
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
