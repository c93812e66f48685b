"""Checks that the scripts of the stores work, and leaves no key behind."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain.email import Email
from domain.errors import Unavailable
from domain.rate_limit import Usage
from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.session_activity import SessionActivity
from domain.user import User, UserId
from infrastructure.storage.redis.rate_limiter import RedisRateLimiter
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import SCAN_START, RedisSessions

_HOUR = timedelta(hours=1)
_LIFETIMES = Lifetimes(access=_HOUR, idle=_HOUR, absolute=_HOUR, grace=timedelta(0))


async def check_writes(server: RedisServer) -> None:
    """Store, change, read and delete a session of a user that does not exist, and a counter.

    The keys are deleted; after a crash in between they expire within an hour.

    :raises Unavailable: Redis does not answer in time, refuses a command or a script, or answers
        in another shape than the stores expect.
    """
    sessions, now = RedisSessions(server), datetime.now(UTC)
    user = User.register(UserId(uuid4()), "Health", Email.parse("health@example.org"), "", now)
    ids = SessionId(secrets.token_hex(16)), TokenId(secrets.token_hex(16))
    session = Session.start(ids[0], user, ids[1], now, _LIFETIMES)
    activity = SessionActivity(now)
    try:
        await sessions.add(session, activity)
        await sessions.record_activity(user.id, session.id, activity)
        stored = await sessions.of_user(user.id), await sessions.activity_of(user.id)
        await sessions.replace(session, session)
        await sessions.count_some(SCAN_START)
        await _check_counter(server, now)
    finally:
        await sessions.delete(user.id, session.id)
    if stored != ([session], {session.id: activity}):
        raise Unavailable("sessions")


async def _check_counter(server: RedisServer, now: datetime) -> None:
    limiter, key = RedisRateLimiter(server), f"health:{secrets.token_hex(16)}"
    try:
        usage = await limiter.count(key, _HOUR, now)
    finally:
        await limiter.forget(key)
    if usage != Usage(1, now + _HOUR):
        raise Unavailable("rate_limits")
