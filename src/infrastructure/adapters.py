"""Which adapter a URL's scheme stands for. The one place where a storage adapter is registered.

``docs/adding-a-backend.md`` adds one, step by step.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from application.ports import SessionStore, UserRepository
from infrastructure.limits import Limits
from infrastructure.memory import MemorySessions, MemoryUsers
from infrastructure.redis import RedisServer, RedisSessions
from infrastructure.sql import Database, SqlSessions, SqlUsers

_Store = TypeVar("_Store")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A storage technology.

    :ivar connect: opens the connection (or the pool of them) to a URL, and closes it in the end.
        It must not fail because the server is down: that is for each call to say.
    :ivar users: makes the repository from that connection; ``None`` when it keeps no users.
    :ivar sessions: makes the store from that connection; ``None`` when it keeps no sessions.
    """

    connect: Callable[[str, Limits], AbstractAsyncContextManager[Any]]
    users: Callable[[Any], UserRepository] | None = None
    sessions: Callable[[Any], SessionStore] | None = None


@asynccontextmanager
async def _memory(_url: str, _limits: Limits) -> AsyncIterator[None]:
    yield None


MEMORY = Adapter(_memory, users=lambda _: MemoryUsers(), sessions=lambda _: MemorySessions())
SQL = Adapter(Database.open, users=SqlUsers, sessions=SqlSessions)
REDIS = Adapter(RedisServer.open, sessions=RedisSessions)

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


@asynccontextmanager
async def open_stores(users_url: str, sessions_url: str, limits: Limits) -> AsyncIterator[Stores]:
    """Both stores; where they are at the same URL, on the same connections.

    :raises ValueError: a URL that no adapter understands.
    """
    users, sessions = adapter_for(users_url, "users"), adapter_for(sessions_url, "sessions")
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(users.connect(users_url, limits))
        users_store = _made(users.users, connection)
        if sessions_url != users_url:
            connection = await stack.enter_async_context(sessions.connect(sessions_url, limits))
        yield Stores(users_store, _made(sessions.sessions, connection))


def _made(make: Callable[[Any], _Store] | None, connection: object) -> _Store:
    if make is None:
        raise TypeError("adapter_for() finds adapters that keep what was asked for")
    return make(connection)
