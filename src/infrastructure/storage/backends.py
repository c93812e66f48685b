"""Which adapter a URL's scheme stands for. The one place where a storage adapter is registered.

``docs/adding-a-backend.md`` adds one, step by step.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar

from application.ports import AuditLog, Clock, RateLimiter, SessionStore, UserRepository
from infrastructure.clock import system_clock
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.invalidation_feed import MemoryFeed
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.sessions import CachedSessions
from infrastructure.storage.near_cache.users import CachedUsers
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.invalidation_feed import RedisFeed
from infrastructure.storage.redis.rate_limiter import RedisRateLimiter
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import RedisSessions
from infrastructure.storage.sql.audit_log import SqlAuditLog
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.invalidation_feed import open_feed
from infrastructure.storage.sql.rate_limiter import SqlRateLimiter
from infrastructure.storage.sql.sessions import SqlSessions
from infrastructure.storage.sql.users import SqlUsers

_Store = TypeVar("_Store")


OpenAuditLog = Callable[[Any], AbstractAsyncContextManager[AuditLog]]
OpenFeed = Callable[[Any, timedelta], AbstractAsyncContextManager[InvalidationFeed]]


@dataclass(frozen=True, slots=True)
class Adapter:
    """A storage technology.

    :ivar connect: opens the connection (or the pool of them) to a URL, and closes it in the end.
        It must not fail because the server is down: that is for each call to say.
    :ivar users: makes the repository from that connection; ``None`` when it keeps no users.
    :ivar sessions: makes the store from that connection; ``None`` when it keeps no sessions.
    :ivar rate_limiter: makes the counter from that connection; ``None`` when it counts nothing.
    :ivar audit_log: opens the audit log beside the users, and closes it in the end; ``None`` when
        it keeps none. Then the last events are in this process's memory, and all in its own log.
    :ivar feed: hears of the changes that any process makes, over that connection or another one,
        within the time given; ``None`` when it cannot. Then each request asks the store.
    """

    connect: Callable[[str, StoreOptions], AbstractAsyncContextManager[Any]]
    users: Callable[[Any], UserRepository] | None = None
    sessions: Callable[[Any], SessionStore] | None = None
    rate_limiter: Callable[[Any], RateLimiter] | None = None
    audit_log: OpenAuditLog | None = None
    feed: OpenFeed | None = None


@asynccontextmanager
async def _memory(_url: str, _limits: StoreOptions) -> AsyncIterator[MemoryFeed]:
    yield MemoryFeed()


@asynccontextmanager
async def _memory_feed(feed: MemoryFeed, _bound: timedelta) -> AsyncIterator[MemoryFeed]:
    yield feed


MEMORY = Adapter(
    _memory,
    users=MemoryUsers,
    sessions=MemorySessions,
    rate_limiter=lambda _: MemoryRateLimiter(),
    feed=_memory_feed,
)
SQL = Adapter(
    Database.open,
    users=SqlUsers,
    sessions=SqlSessions,
    rate_limiter=SqlRateLimiter,
    audit_log=SqlAuditLog.open,
    feed=open_feed,
)
REDIS = Adapter(
    RedisServer.open,
    sessions=RedisSessions,
    rate_limiter=RedisRateLimiter,
    feed=RedisFeed.open,
)

ADAPTERS = {
    "memory": MEMORY,
    "sqlite": SQL,
    "postgresql": SQL,
    "postgres": SQL,
    "redis": REDIS,
    "rediss": REDIS,
    "unix": REDIS,
}


def adapter_for(url: str, role: Literal["users", "sessions"]) -> Adapter:
    """The adapter that keeps the users, or the sessions, at this URL.

    :raises ValueError: no adapter of that scheme keeps them. The message names those that do.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    adapter = ADAPTERS.get(scheme)
    if adapter is None or getattr(adapter, role) is None:
        known = ", ".join(name for name, each in ADAPTERS.items() if getattr(each, role))
        raise ValueError(f"must start with one of these schemes to keep {role}: {known}")
    return adapter


@dataclass(frozen=True, slots=True)
class Stores:
    users: UserRepository
    sessions: SessionStore
    rate_limiter: RateLimiter
    audit_log: AuditLog


@asynccontextmanager
async def open_stores(
    users_url: str, sessions_url: str, limits: StoreOptions, clock: Clock = system_clock
) -> AsyncIterator[Stores]:
    """All stores, with copies in front of them; those at the same URL on the same connections.

    Attempts are counted where the sessions are, or where the users are, or else in this process.
    The audit log is where the users are, or else in this process.

    :raises ValueError: a URL that no adapter understands.
    """
    users, sessions = adapter_for(users_url, "users"), adapter_for(sessions_url, "sessions")
    async with AsyncExitStack() as stack:
        at_users, users_feed = await _open(users, users_url, limits, stack)
        at_sessions, sessions_feed = at_users, users_feed
        if sessions_url != users_url:
            at_sessions, sessions_feed = await _open(sessions, sessions_url, limits, stack)
        if sessions.rate_limiter:
            rate_limiter = sessions.rate_limiter(at_sessions)
        elif users.rate_limiter:
            rate_limiter = users.rate_limiter(at_users)
        else:
            rate_limiter = MemoryRateLimiter()
        audit_log: AuditLog = MemoryAuditLog()
        if users.audit_log:
            audit_log = await stack.enter_async_context(users.audit_log(at_users))
        kept_users = _made(users.users, at_users)
        if users_feed:
            kept_users = CachedUsers(kept_users, users_feed, limits.copies)
        kept_sessions = _made(sessions.sessions, at_sessions)
        if sessions_feed:
            kept_sessions = CachedSessions(kept_sessions, sessions_feed, limits.copies, clock)
        yield Stores(kept_users, kept_sessions, rate_limiter, audit_log)


async def _open(
    adapter: Adapter, url: str, limits: StoreOptions, stack: AsyncExitStack
) -> tuple[Any, InvalidationFeed | None]:
    connection = await stack.enter_async_context(adapter.connect(url, limits))
    if not (adapter.feed and limits.copies):
        return connection, None
    feed = adapter.feed(connection, limits.revocation_bound)
    return connection, await stack.enter_async_context(feed)


def _made(make: Callable[[Any], _Store] | None, connection: object) -> _Store:
    if make is None:
        raise TypeError("adapter_for() finds adapters that keep what was asked for")
    return make(connection)
