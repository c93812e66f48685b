"""The registry of storage backends, by the scheme of a URL.

An installed package registers another one by an entry point (``external_backends.py``).

``docs/adding-a-backend.md`` adds one, step by step.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from application.ports import (
    AuditLog,
    ChallengeStore,
    FigureStore,
    FlowStore,
    IdentityStore,
    OneTimeTokenStore,
    Outbox,
    PasskeyStore,
    RateLimiter,
    SecondFactorStore,
    SessionStore,
    UserRepository,
)
from infrastructure.storage.external_backends import external_schemes, load_external
from infrastructure.storage.memory.connection import MemoryConnection
from infrastructure.storage.memory.invalidation_feed import MemoryFeed
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.options import Role, StoreOptions
from infrastructure.storage.redis.invalidation_feed import RedisFeed
from infrastructure.storage.redis.rate_limiter import RedisRateLimiter
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import RedisSessions
from infrastructure.storage.redis.write_check import check_writes as check_redis_writes
from infrastructure.storage.sql.audit.audit_log import SqlAuditLog
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.figures import SqlFigures
from infrastructure.storage.sql.invalidation_feed import open_feed
from infrastructure.storage.sql.mail.one_time_tokens import SqlOneTimeTokens
from infrastructure.storage.sql.mail.outbox import SqlOutbox
from infrastructure.storage.sql.rate_limits.rate_limiter import SqlRateLimiter
from infrastructure.storage.sql.rate_limits.sqlite_rate_limiter import SqliteRateLimiter
from infrastructure.storage.sql.second_factors.challenges import SqlChallenges
from infrastructure.storage.sql.second_factors.factors import SqlSecondFactors
from infrastructure.storage.sql.second_factors.passkeys import SqlPasskeys
from infrastructure.storage.sql.sessions import SqlSessions
from infrastructure.storage.sql.social_login.flows import SqlFlows
from infrastructure.storage.sql.social_login.identities import SqlIdentities
from infrastructure.storage.sql.users import SqlUsers
from infrastructure.storage.sql.write_check import check_writes as check_sql_writes

_Connection = TypeVar("_Connection")


@dataclass(frozen=True, slots=True)
class Backend(Generic[_Connection]):
    """A storage technology. The connection may be a pool of them.

    :ivar connect: opens the connection to a URL, and closes it on exit. It must not fail because
        the server is down: each call says that for itself.
    :ivar ping: checks that the stores behind the connection can be read; raises
        :class:`~domain.errors.Unavailable` if they do not answer. The readiness probe, the check
        before the service listens and ``doorward doctor`` call it.
    :ivar check_writes: checks that the stores of a role can be written, and leaves nothing behind;
        raises any error if not. The same three call it, the readiness probe at most once in ten
        seconds. ``None`` when only reads are checked.
    :ivar users: makes the repository from the connection; ``None`` when it stores no users.
    :ivar sessions: makes the store from the connection; ``None`` when it stores no sessions.
    :ivar rate_limiter: makes the counter from the connection; ``None`` when it counts nothing.
    :ivar audit_log: opens the audit log beside the users, and closes it on exit; ``None`` when it
        has none. Then the last events are in the memory of this process, and all in its own log.
    :ivar outbox: makes the outbox beside the users; ``None`` when it has none. Then messages are
        in the memory of this process, and lost with it.
    :ivar one_time_tokens: likewise, the store of the tokens in mails.
    :ivar second_factors: makes the store of second factors beside the users; ``None`` when it has
        none. Then no user can enrol one.
    :ivar challenges: likewise, the store of what clients have to answer; ``None`` keeps them in
        the memory of this process.
    :ivar passkeys: likewise, the store of passkeys; ``None`` when it has none. Then no user can
        add one.
    :ivar identities: likewise, the store of accounts at other providers, which changes of users
        link and unlink in their own transaction; ``None`` when it has none. Then no user can log
        in with another provider.
    :ivar flows: likewise, the store of logins at other providers that are under way; ``None``
        keeps them in the memory of this process.
    :ivar figures: makes the store of figures beside the audit log; ``None`` when it has none. Then
        each process counts for itself, in its memory.
    :ivar feed: opens the invalidation feed, over the connection or another one, with the bound on
        the age of cached data; ``None`` when it has none. Then each request reads the store.
    """

    connect: Callable[[str, StoreOptions], AbstractAsyncContextManager[_Connection]]
    ping: Callable[[_Connection], Awaitable[None]]
    users: Callable[[_Connection], UserRepository] | None = None
    sessions: Callable[[_Connection], SessionStore] | None = None
    rate_limiter: Callable[[_Connection], RateLimiter] | None = None
    audit_log: Callable[[_Connection], AbstractAsyncContextManager[AuditLog]] | None = None
    feed: (
        Callable[[_Connection, timedelta], AbstractAsyncContextManager[InvalidationFeed]] | None
    ) = None
    check_writes: Callable[[_Connection, Role], Awaitable[None]] | None = None
    outbox: Callable[[_Connection], Outbox] | None = None
    one_time_tokens: Callable[[_Connection], OneTimeTokenStore] | None = None
    second_factors: Callable[[_Connection], SecondFactorStore] | None = None
    challenges: Callable[[_Connection], ChallengeStore] | None = None
    passkeys: Callable[[_Connection], PasskeyStore] | None = None
    identities: Callable[[_Connection], IdentityStore] | None = None
    flows: Callable[[_Connection], FlowStore] | None = None
    figures: Callable[[_Connection], FigureStore] | None = None


@asynccontextmanager
async def _open_memory(_url: str, _options: StoreOptions) -> AsyncIterator[MemoryConnection]:
    yield MemoryConnection()


async def _ping_memory(_memory: MemoryConnection) -> None:
    """Memory always answers."""


@asynccontextmanager
async def _memory_feed(memory: MemoryConnection, _bound: timedelta) -> AsyncIterator[MemoryFeed]:
    yield memory.feed


def _sql_rate_limiter(database: Database) -> SqlRateLimiter:
    return SqliteRateLimiter(database) if database.file else SqlRateLimiter(database)


MEMORY = Backend(
    _open_memory,
    _ping_memory,
    users=lambda memory: MemoryUsers(memory.feed, memory.tokens, memory.identities),
    sessions=lambda memory: MemorySessions(memory.feed),
    rate_limiter=lambda _: MemoryRateLimiter(),
    feed=_memory_feed,
    outbox=lambda memory: MemoryOutbox(memory.tokens),
    one_time_tokens=lambda memory: memory.tokens,
    second_factors=lambda memory: memory.second_factors,
    challenges=lambda memory: memory.challenges,
    passkeys=lambda memory: memory.passkeys,
    identities=lambda memory: memory.identities,
    flows=lambda memory: memory.flows,
)
SQL = Backend(
    Database.open,
    Database.ping,
    users=SqlUsers,
    sessions=SqlSessions,
    rate_limiter=_sql_rate_limiter,
    audit_log=SqlAuditLog.open,
    feed=open_feed,
    check_writes=check_sql_writes,
    outbox=SqlOutbox,
    one_time_tokens=SqlOneTimeTokens,
    second_factors=SqlSecondFactors,
    challenges=SqlChallenges,
    passkeys=SqlPasskeys,
    identities=SqlIdentities,
    flows=SqlFlows,
    figures=SqlFigures,
)
REDIS = Backend(
    RedisServer.open,
    RedisServer.ping,
    sessions=RedisSessions,
    rate_limiter=RedisRateLimiter,
    feed=RedisFeed.open,
    check_writes=lambda server, _role: check_redis_writes(server),
)

BACKENDS: dict[str, Backend[Any]] = {
    "memory": MEMORY,
    "sqlite": SQL,
    "postgresql": SQL,
    "postgres": SQL,
    "redis": REDIS,
    "rediss": REDIS,
    "unix": REDIS,
}
"""By scheme. Each backend has its own type of connection."""


def backend_for(url: str, role: Role) -> Backend[Any]:
    """The backend that stores the users, or the sessions, at this URL.

    :raises ValueError: no backend of that scheme stores them, and the message names those that do;
        or the backend of an installed package cannot be loaded.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    backend = find_backend(scheme)
    if backend is None or getattr(backend, role) is None:
        known = {name: each for name, each in BACKENDS.items() if getattr(each, role)}
        schemes = ", ".join([*known, *external_schemes()])
        raise ValueError(f"must start with one of these schemes to keep {role}: {schemes}")
    return backend


def find_backend(scheme: str) -> Backend[Any] | None:
    """Return the backend of a scheme: a built-in one, or one of an installed package.

    No package can replace a built-in backend.

    :raises ValueError: the package's backend cannot be loaded.
    """
    built_in = BACKENDS.get(scheme)
    if built_in is not None or scheme not in external_schemes():
        return built_in
    loaded = load_external(scheme)
    if isinstance(loaded, Backend):
        return loaded
    raise ValueError(f"has the scheme {scheme}, whose package registers no Backend")
