"""Which adapter a URL's scheme stands for. The one place where a storage adapter is registered.

``docs/adding-a-backend.md`` adds one, step by step.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from application.ports import RateLimiter, SessionStore, UserRepository
from infrastructure.database import Database
from infrastructure.limits import Limits
from infrastructure.memory import MemoryRateLimiter, MemorySessions, MemoryUsers
from infrastructure.redis import RedisRateLimiter, RedisServer, RedisSessions
from infrastructure.sql import SqlRateLimiter, SqlSessions, SqlUsers

_Store = TypeVar("_Store")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A storage technology.

    :ivar connect: opens the connection (or the pool of them) to a URL, and closes it in the end.
        It must not fail because the server is down: that is for each call to say.
    :ivar users: makes the repository from that connection; ``None`` when it keeps no users.
    :ivar sessions: makes the store from that connection; ``None`` when it keeps no sessions.
    :ivar rate_limiter: makes the counter from that connection; ``None`` when it counts nothing.
    """

    connect: Callable[[str, Limits], AbstractAsyncContextManager[Any]]
    users: Callable[[Any], UserRepository] | None = None
    sessions: Callable[[Any], SessionStore] | None = None
    rate_limiter: Callable[[Any], RateLimiter] | None = None


@asynccontextmanager
async def _memory(_url: str, _limits: Limits) -> AsyncIterator[None]:
    yield None


MEMORY = Adapter(
    _memory,
    users=lambda _: MemoryUsers(),
    sessions=lambda _: MemorySessions(),
    rate_limiter=lambda _: MemoryRateLimiter(),
)
SQL = Adapter(Database.open, users=SqlUsers, sessions=SqlSessions, rate_limiter=SqlRateLimiter)
REDIS = Adapter(RedisServer.open, sessions=RedisSessions, rate_limiter=RedisRateLimiter)

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


@asynccontextmanager
async def open_stores(users_url: str, sessions_url: str, limits: Limits) -> AsyncIterator[Stores]:
    """All stores; where they are at the same URL, on the same connections.

    Attempts are counted where the sessions are, or where the users are, or else in this process.

    :raises ValueError: a URL that no adapter understands.
    """
    users, sessions = adapter_for(users_url, "users"), adapter_for(sessions_url, "sessions")
    async with AsyncExitStack() as stack:
        at_users = await stack.enter_async_context(users.connect(users_url, limits))
        at_sessions = at_users
        if sessions_url != users_url:
            at_sessions = await stack.enter_async_context(sessions.connect(sessions_url, limits))
        if sessions.rate_limiter:
            rate_limiter = sessions.rate_limiter(at_sessions)
        elif users.rate_limiter:
            rate_limiter = users.rate_limiter(at_users)
        else:
            rate_limiter = MemoryRateLimiter()
        yield Stores(
            _made(users.users, at_users), _made(sessions.sessions, at_sessions), rate_limiter
        )


def _made(make: Callable[[Any], _Store] | None, connection: object) -> _Store:
    if make is None:
        raise TypeError("adapter_for() finds adapters that keep what was asked for")
    return make(connection)
