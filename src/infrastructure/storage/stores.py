"""All stores, opened from their URLs: those at one URL share a connection."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from application.ports import (
    AuditLog,
    CachedSessions,
    CachedUsers,
    ChallengeStore,
    Clock,
    FigureStore,
    FlowStore,
    HealthCheck,
    HealthChecks,
    IdentityStore,
    OneTimeTokenStore,
    Outbox,
    PasskeyStore,
    RateLimiter,
    SecondFactorStore,
    SessionStore,
    UserRepository,
)
from infrastructure.clock import system_clock
from infrastructure.storage.backends import Backend, backend_for
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.challenges import MemoryChallenges
from infrastructure.storage.memory.figures import MemoryFigures
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.social_login.flows import MemoryFlows
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.uncached import UncachedSessions, UncachedUsers
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.no_identities import NoIdentities
from infrastructure.storage.no_second_factors import NoPasskeys, NoSecondFactors
from infrastructure.storage.options import Role, StoreOptions
from infrastructure.storage.write_probe import WriteProbe

_Store = TypeVar("_Store")
_Connection = TypeVar("_Connection")


@dataclass(frozen=True, slots=True)
class Stores:
    """
    :ivar cached_users: the near cache before ``users``, or a pass-through; so is
        ``cached_sessions`` for ``sessions``.
    :ivar health: the readiness checks of the backends behind ``users`` and ``sessions``.
    """

    users: UserRepository
    cached_users: CachedUsers
    sessions: SessionStore
    cached_sessions: CachedSessions
    rate_limiter: RateLimiter
    audit_log: AuditLog
    outbox: Outbox
    one_time_tokens: OneTimeTokenStore
    second_factors: SecondFactorStore
    challenges: ChallengeStore
    passkeys: PasskeyStore
    identities: IdentityStore
    flows: FlowStore
    figures: FigureStore
    health: HealthChecks


@asynccontextmanager
async def open_stores(
    users_url: str, sessions_url: str, options: StoreOptions, clock: Clock = system_clock
) -> AsyncIterator[Stores]:
    """Open all stores, with a near cache in front. Those at one URL share the connection.

    Attempts are counted where the sessions are, or where the users are, or else in this process.
    The audit log and the outbox are where the users are, or else in this process.

    :raises ValueError: no backend understands the URL.
    """
    for_users, for_sessions = (
        backend_for(users_url, "users"),
        backend_for(sessions_url, "sessions"),
    )
    async with AsyncExitStack() as stack:
        beside_the_log = replace(options, has_audit_log=for_users.audit_log is not None)
        at_users = await _open(for_users, users_url, beside_the_log, stack)
        at_sessions = (
            at_users
            if sessions_url == users_url
            else await _open(for_sessions, sessions_url, options, stack)
        )
        audit_log: AuditLog = MemoryAuditLog()
        if at_users.backend.audit_log:
            opening = at_users.backend.audit_log(at_users.connection)
            audit_log = await stack.enter_async_context(opening)
        users, cached_users = at_users.users(options.cached_users)
        sessions, cached_sessions = at_sessions.sessions(options.cached_users, clock)
        outbox, one_time_tokens = at_users.mail()
        second_factors, challenges, passkeys = at_users.factors()
        yield Stores(
            users,
            cached_users,
            sessions,
            cached_sessions,
            at_sessions.rate_limiter() or at_users.rate_limiter() or MemoryRateLimiter(),
            audit_log,
            outbox,
            one_time_tokens,
            second_factors,
            challenges,
            passkeys,
            *at_users.social_login(),
            at_users.figures(),
            {
                "users": at_users.health_check("users"),
                "sessions": at_sessions.health_check("sessions"),
            },
        )


@dataclass(frozen=True, slots=True)
class _OpenBackend(Generic[_Connection]):
    """
    :ivar feed: ``None`` when nothing is to be cached.
    """

    backend: Backend[_Connection]
    connection: _Connection
    feed: InvalidationFeed | None

    def health_check(self, role: Role) -> HealthCheck:
        """Make the readiness check: a read each time, and now and then a write."""
        check_writes = self.backend.check_writes
        if check_writes is None:
            return partial(self.backend.ping, self.connection)
        probe = WriteProbe(partial(check_writes, self.connection, role))

        async def check() -> None:
            await self.backend.ping(self.connection)
            await probe()

        return check

    def users(self, max_users: int) -> tuple[UserRepository, CachedUsers]:
        users = _made(self.backend.users, self.connection)
        if self.feed is None:
            return users, UncachedUsers(users)
        cache = NearCacheUsers(users, self.feed, max_users)
        return cache, cache

    def sessions(self, max_users: int, clock: Clock) -> tuple[SessionStore, CachedSessions]:
        sessions = _made(self.backend.sessions, self.connection)
        if self.feed is None:
            return sessions, UncachedSessions(sessions)
        cache = NearCacheSessions(sessions, self.feed, max_users, clock)
        return cache, cache

    def mail(self) -> tuple[Outbox, OneTimeTokenStore]:
        """Make the outbox and the store of the tokens in mails, in memory if need be."""
        if self.backend.outbox and self.backend.one_time_tokens:
            return (
                self.backend.outbox(self.connection),
                self.backend.one_time_tokens(self.connection),
            )
        tokens = MemoryOneTimeTokens()
        return MemoryOutbox(tokens), tokens

    def factors(self) -> tuple[SecondFactorStore, ChallengeStore, PasskeyStore]:
        """Make the stores of second factors, of challenges and of passkeys."""
        factors, challenges = self.backend.second_factors, self.backend.challenges
        passkeys = self.backend.passkeys
        return (
            factors(self.connection) if factors else NoSecondFactors(),
            challenges(self.connection) if challenges else MemoryChallenges(),
            passkeys(self.connection) if passkeys else NoPasskeys(),
        )

    def social_login(self) -> tuple[IdentityStore, FlowStore]:
        """Make the stores of identities and of flows."""
        identities, flows = self.backend.identities, self.backend.flows
        return (
            identities(self.connection) if identities else NoIdentities(),
            flows(self.connection) if flows else MemoryFlows(),
        )

    def figures(self) -> FigureStore:
        """Make the store of figures: what it notes of an audit log in memory is lost with it."""
        if self.backend.figures and self.backend.audit_log:
            return self.backend.figures(self.connection)
        return MemoryFigures()

    def rate_limiter(self) -> RateLimiter | None:
        return self.backend.rate_limiter and self.backend.rate_limiter(self.connection)


async def _open(
    backend: Backend[_Connection], url: str, options: StoreOptions, stack: AsyncExitStack
) -> _OpenBackend[_Connection]:
    connection = await stack.enter_async_context(backend.connect(url, options))
    feed = None
    if backend.feed and options.cached_users:
        opening = backend.feed(connection, options.revocation_bound)
        feed = await stack.enter_async_context(opening)
    return _OpenBackend(backend, connection, feed)


def _made(make: Callable[[_Connection], _Store] | None, connection: _Connection) -> _Store:
    if make is None:
        raise TypeError("backend_for() finds backends that store what was asked for")
    return make(connection)
