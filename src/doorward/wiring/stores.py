"""The stores of users, sessions, attempts and events."""

from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide

from application.ports import (
    AuditLog,
    CachedSessions,
    CachedUsers,
    ChallengeStore,
    Clock,
    FigureStore,
    FlowStore,
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
from infrastructure.config.storage import StorageSettings
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import Stores, open_stores
from infrastructure.telemetry.telemetry import Observation


class StoreProvider(Provider):
    """Opens the configured stores, and closes them with the container."""

    scope = Scope.APP

    @provide
    async def stores(
        self, settings: StorageSettings, clock: Clock, observation: Observation
    ) -> AsyncIterator[Stores]:
        options = StoreOptions(
            settings.connections,
            settings.timeout,
            settings.cached_users,
            settings.revocation_bound,
            observation.store_call,
        )
        async with open_stores(settings.users_at, settings.sessions_at, options, clock) as stores:
            yield stores

    @provide
    def users(self, stores: Stores) -> UserRepository:
        return stores.users

    @provide
    def sessions(self, stores: Stores) -> SessionStore:
        return stores.sessions

    @provide
    def cached_users(self, stores: Stores) -> CachedUsers:
        return stores.cached_users

    @provide
    def cached_sessions(self, stores: Stores) -> CachedSessions:
        return stores.cached_sessions

    @provide
    def rate_limiter(self, stores: Stores) -> RateLimiter:
        return stores.rate_limiter

    @provide
    def audit_log(self, stores: Stores) -> AuditLog:
        return stores.audit_log

    @provide
    def outbox(self, stores: Stores) -> Outbox:
        return stores.outbox

    @provide
    def one_time_tokens(self, stores: Stores) -> OneTimeTokenStore:
        return stores.one_time_tokens

    @provide
    def second_factors(self, stores: Stores) -> SecondFactorStore:
        return stores.second_factors

    @provide
    def challenges(self, stores: Stores) -> ChallengeStore:
        return stores.challenges

    @provide
    def passkeys(self, stores: Stores) -> PasskeyStore:
        return stores.passkeys

    @provide
    def identities(self, stores: Stores) -> IdentityStore:
        return stores.identities

    @provide
    def flows(self, stores: Stores) -> FlowStore:
        return stores.flows

    @provide
    def figures(self, stores: Stores) -> FigureStore:
        return stores.figures

    @provide
    def health_checks(self, stores: Stores, keys: KeyRingWatcher) -> HealthChecks:
        async def check_keys() -> None:
            keys.check()

        return {**stores.health, "keys": check_keys}
