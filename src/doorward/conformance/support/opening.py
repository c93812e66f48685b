"""Open a store of a backend for one test, directly or behind the near cache."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

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
from domain.email import Email
from domain.session import Session, SessionId
from domain.user import User, UserId
from doorward.conformance.support.examples import a_user
from infrastructure.clock import system_clock
from infrastructure.storage.backends import Backend, backend_for, find_backend
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.options import StoreOptions

PATIENT = StoreOptions(timeout=timedelta(seconds=60))  # a busy machine is no reason to fail
PATIENCE = 60.0  # seconds

_C = TypeVar("_C")


class AlwaysCachedUsers(NearCacheUsers):
    """Answer every read from the cache where possible, so that a stale copy shows."""

    async def get(self, user_id: UserId) -> User | None:
        return self.cached(user_id) or await super().get(user_id)


class AlwaysCachedSessions(NearCacheSessions):
    """Answer every read from the cache where possible, so that a stale copy shows."""

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self.cached(user_id, session_id) or await super().get(user_id, session_id)


@asynccontextmanager
async def _live_feed(backend: Backend[_C], connection: _C) -> AsyncIterator[InvalidationFeed]:
    assert backend.feed
    async with backend.feed(connection, PATIENT.revocation_bound) as feed:
        await until(feed.is_live)
        yield feed


@asynccontextmanager
async def open_users(url: str, *, near_cache: bool = False) -> AsyncIterator[UserRepository]:
    backend = backend_for(url, "users")
    assert backend.users
    async with backend.connect(url, PATIENT) as connection:
        users = backend.users(connection)
        if not near_cache:
            yield users
            return
        async with _live_feed(backend, connection) as feed:
            yield AlwaysCachedUsers(users, feed, 1000)


@asynccontextmanager
async def open_sessions(url: str, *, near_cache: bool = False) -> AsyncIterator[SessionStore]:
    backend = backend_for(url, "sessions")
    assert backend.sessions
    async with backend.connect(url, PATIENT) as connection:
        sessions = backend.sessions(connection)
        if not near_cache:
            yield sessions
            return
        async with _live_feed(backend, connection) as feed:
            yield AlwaysCachedSessions(sessions, feed, 1000, system_clock)


@asynccontextmanager
async def open_limiter(url: str) -> AsyncIterator[RateLimiter]:
    """Open it with a connection of its own, as another process has one."""
    backend = find_backend(url.partition(":")[0].partition("+")[0])
    assert backend is not None
    assert backend.rate_limiter is not None
    async with backend.connect(url, PATIENT) as connection:
        yield backend.rate_limiter(connection)


async def add_users(url: str, *user_ids: UserId) -> None:
    """Store users with these ids."""
    async with open_users(url) as users:
        await users.add_all(
            [a_user(id=each, email=Email.parse(f"{each.hex}@example.org")) for each in user_ids]
        )


@asynccontextmanager
async def open_audit_log(url: str, options: StoreOptions = PATIENT) -> AsyncIterator[AuditLog]:
    """Open it with a connection of its own, as another process has one."""
    backend = backend_for(url, "users")
    assert backend.audit_log
    async with backend.connect(url, options) as database, backend.audit_log(database) as log:
        yield log


@asynccontextmanager
async def open_figures(url: str) -> AsyncIterator[FigureStore]:
    """Open it with a connection of its own, as another process has one."""
    backend = backend_for(url, "users")
    assert backend.figures
    async with backend.connect(url, PATIENT) as connection:
        yield backend.figures(connection)


@dataclass(frozen=True, slots=True)
class MailStores:
    """The stores of one backend that take part in mail, behind one connection."""

    users: UserRepository
    outbox: Outbox
    tokens: OneTimeTokenStore


@asynccontextmanager
async def open_mail(url: str) -> AsyncIterator[MailStores]:
    """Open them with a connection of their own, as another process has one."""
    backend = backend_for(url, "users")
    assert backend.users
    assert backend.outbox
    assert backend.one_time_tokens
    options = replace(PATIENT, has_audit_log=backend.audit_log is not None)
    async with backend.connect(url, options) as connection:
        yield MailStores(
            backend.users(connection),
            backend.outbox(connection),
            backend.one_time_tokens(connection),
        )


@dataclass(frozen=True, slots=True)
class FactorStores:
    """The stores of one backend that take part in second factors, behind one connection."""

    factors: SecondFactorStore
    challenges: ChallengeStore
    passkeys: PasskeyStore
    outbox: Outbox


@asynccontextmanager
async def open_factors(url: str) -> AsyncIterator[FactorStores]:
    """Open them with a connection of their own, as another process has one."""
    backend = backend_for(url, "users")
    assert backend.second_factors
    assert backend.challenges
    assert backend.passkeys
    assert backend.outbox
    options = replace(PATIENT, has_audit_log=backend.audit_log is not None)
    async with backend.connect(url, options) as connection:
        yield FactorStores(
            backend.second_factors(connection),
            backend.challenges(connection),
            backend.passkeys(connection),
            backend.outbox(connection),
        )


@dataclass(frozen=True, slots=True)
class SocialStores:
    """The stores of one backend that take part in logins at other providers."""

    users: UserRepository
    identities: IdentityStore
    flows: FlowStore
    outbox: Outbox


@asynccontextmanager
async def open_social(url: str, *, near_cache: bool = False) -> AsyncIterator[SocialStores]:
    """Open them with a connection of their own, as another process has one."""
    backend = backend_for(url, "users")
    assert backend.users
    assert backend.identities
    assert backend.flows
    assert backend.outbox
    options = replace(PATIENT, has_audit_log=backend.audit_log is not None)
    async with backend.connect(url, options) as connection:
        stores = SocialStores(
            backend.users(connection),
            backend.identities(connection),
            backend.flows(connection),
            backend.outbox(connection),
        )
        if not near_cache:
            yield stores
            return
        async with _live_feed(backend, connection) as feed:
            yield replace(stores, users=AlwaysCachedUsers(stores.users, feed, 1000))


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; fail after :data:`PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)
