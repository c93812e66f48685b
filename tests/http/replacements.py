"""What HTTP tests replace in the container: the clock, the keys, the slow hashes and providers.

The container and the routes are built once for all tests, see ``tests/support/shared_app.py``.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
from dishka import AsyncContainer, Provider, Scope, alias, provide

from api.lifecycle import Lifecycle
from api.security.origin_policy import OriginPolicy
from application.ports import (
    CachedSessions,
    CachedTokens,
    CachedUsers,
    ChallengeStore,
    Clock,
    Devices,
    FactorSecrets,
    HealthChecks,
    IdentityProviders,
    IdentityStore,
    KeyStore,
    OneTimeSecrets,
    OneTimeTokenStore,
    Outbox,
    PasswordHasher,
    RateLimiter,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from doorward.wiring.container import UNOBSERVED, make_container
from infrastructure.config.settings import Settings
from infrastructure.signing.device_tokens import HmacDevices
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.social_login.identities import MemoryIdentities
from infrastructure.storage.near_cache.uncached import UncachedSessions, UncachedUsers
from infrastructure.telemetry.telemetry import Observation
from tests.http.faults import (
    Faults,
    FaultyChallenges,
    FaultyOneTimeTokens,
    FaultyOutbox,
    FaultyRateLimiter,
    FaultySessions,
    FaultyUsers,
)
from tests.support.doubles import QuickHasher, SettableClock
from tests.support.key_commands import MemoryKeys
from tests.support.shared_app import SharedRoutes


@dataclass
class Doubles:
    """The adapters of one test."""

    clock: SettableClock
    keys: KeyRingWatcher
    tokens: VerifiedTokenCache
    devices: HmacDevices
    origin_policy: OriginPolicy
    identity_providers: IdentityProviders = field(default_factory=IdentityProviders)


class Replacements(Provider):
    """Provides the doubles of the current test."""

    scope = Scope.APP
    doubles: Doubles

    @provide
    def origin_policy(self) -> OriginPolicy:
        return self.doubles.origin_policy

    @provide
    def identity_providers(self) -> IdentityProviders:
        return self.doubles.identity_providers

    @provide
    def clock(self) -> Clock:
        return self.doubles.clock

    @provide
    def hasher(self) -> PasswordHasher:
        return QuickHasher()

    @provide
    def keys(self) -> KeyRingWatcher:
        return self.doubles.keys

    @provide
    def key_store(self) -> KeyStore:
        return MemoryKeys(self.doubles.keys.loaded.ring)

    @provide
    def signer(self) -> TokenSigner:
        return self.doubles.tokens

    @provide
    def cached_tokens(self) -> CachedTokens:
        return self.doubles.tokens

    @provide
    def devices(self) -> Devices:
        return self.doubles.devices

    @provide
    def one_time_secrets(self) -> OneTimeSecrets:
        return HmacOneTimeSecrets(lambda: [b"outside the database"])

    @provide
    def factor_secrets(self) -> FactorSecrets:
        return SealedFactors([bytes(32)])


class FaultyStores(Provider):
    """Provides stores in memory that fail as the current test requires."""

    scope = Scope.APP
    faults: Faults
    one_time_tokens = alias(MemoryOneTimeTokens, provides=OneTimeTokenStore)
    identities = alias(MemoryIdentities, provides=IdentityStore)

    @provide
    def tokens(self) -> MemoryOneTimeTokens:
        return FaultyOneTimeTokens(self.faults)

    @provide
    def linked(self) -> MemoryIdentities:
        return MemoryIdentities()

    @provide
    def users(self, tokens: MemoryOneTimeTokens, identities: MemoryIdentities) -> UserRepository:
        return FaultyUsers(self.faults, tokens, identities)

    @provide
    def outbox(self, tokens: MemoryOneTimeTokens) -> Outbox:
        return FaultyOutbox(self.faults, tokens)

    @provide
    def sessions(self) -> SessionStore:
        return FaultySessions(self.faults)

    @provide
    def challenges(self) -> ChallengeStore:
        return FaultyChallenges(self.faults)

    @provide
    def cached_users(self, users: UserRepository) -> CachedUsers:
        return UncachedUsers(users)

    @provide
    def cached_sessions(self, sessions: SessionStore) -> CachedSessions:
        return UncachedSessions(sessions)

    @provide
    def rate_limiter(self) -> RateLimiter:
        return FaultyRateLimiter(self.faults)

    @provide
    def health_checks(self) -> HealthChecks:
        return self.faults.health_checks


class Builder:
    """Builds a container and routes once, and makes those of each test from them."""

    def __init__(self) -> None:
        self._replacements, self._faulty_stores = Replacements(), FaultyStores()
        self._containers: dict[int, AsyncContainer] = {}
        self._routes = SharedRoutes()

    def providers(self, doubles: Doubles, faults: Faults | None) -> Sequence[Provider]:
        """Return the providers of this test; those of the test before become invalid."""
        self._replacements.doubles = doubles
        if faults is None:
            return (self._replacements,)
        self._faulty_stores.faults = faults
        return (self._replacements, self._faulty_stores)

    @asynccontextmanager
    async def container(
        self, settings: Settings, providers: Sequence[Provider]
    ) -> AsyncIterator[AsyncContainer]:
        if len(providers) not in self._containers:
            self._containers[len(providers)] = make_container(settings, *providers)
        outer = self._containers[len(providers)].parent_container
        assert outer
        own = {Settings: settings, Lifecycle: Lifecycle(), Observation: UNOBSERVED}
        async with outer(own, lock_factory=asyncio.Lock) as container:
            yield container

    @contextmanager
    def shared_routes(self) -> Iterator[None]:
        """Reuse the routes for each application that is built in this block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("api.app._routes", self._routes)
            yield
