"""The composition root: which adapter stands behind which port."""

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from dishka import (
    AsyncContainer,
    Provider,
    Scope,
    alias,
    from_context,
    make_async_container,
    provide,
    provide_all,
)

from application import rate_limiting as throttle
from application.account import (
    ChangePassword,
    ChangeProfile,
    ConfirmPassword,
    DeleteAccount,
    ExportAccount,
)
from application.audit import Audit, PruneAuditLog
from application.audit_log import ListActivity, ListAuditEvents
from application.authenticate import Authenticate, AuthenticateFromCache, ReloadPrincipal
from application.authentication import Login, Logout, RefreshAccess
from application.export_users import ExportUsers
from application.import_users import ImportUsers
from application.ports import (
    Announce,
    AuditLog,
    CachedSessions,
    CachedTokens,
    CachedUsers,
    Clock,
    Devices,
    HealthChecks,
    KeyStore,
    PasswordHasher,
    RandomId,
    RateLimiter,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from application.rate_limiting import Throttle
from application.readiness import CheckReadiness
from application.registration import CreateUser, MakeUser, RegisterUser
from application.session_activity import RecordSessionActivity, SessionActivityBuffer
from application.sessions import (
    DropSession,
    FindSessions,
    ListSessions,
    ListSessionsOf,
    PurgeStaleSessions,
    RevokeAllSessions,
    RevokeOtherSessions,
    RevokeSession,
    StartSession,
)
from application.signing_keys import (
    ListPublicKeys,
    ListSigningKeys,
    MaintainKeys,
    RevokeKey,
    RotateKeys,
)
from application.users import (
    ChangeUser,
    DeleteUser,
    FindUser,
    ForgetUser,
    ListUsers,
    RevokeSessionsOf,
    ShowUser,
)
from domain.key_ring import KeyTimes
from domain.password import PasswordRule
from domain.session import Lifetimes, SessionsPerUser
from doorward.wiring.jobs import Jobs
from doorward.wiring.keys import device_secrets, key_times, make_signer, open_key_store
from infrastructure.clock import system_clock
from infrastructure.config.settings import Settings
from infrastructure.passwords.argon2_hasher import Argon2Hasher, Cost
from infrastructure.passwords.common_passwords import common_passwords
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.signing.device_tokens import HmacDevices
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import SigningKeyStore
from infrastructure.signing.verified_token_cache import UncachedTokens, VerifiedTokenCache
from infrastructure.storage.backends import Stores, open_stores
from infrastructure.storage.options import StoreOptions
from infrastructure.telemetry.logging import LoggedEvents
from infrastructure.telemetry.telemetry import Observation

if TYPE_CHECKING:
    from infrastructure.telemetry.tracing import Tracing


USE_CASES: tuple[type, ...] = (
    RegisterUser,
    CreateUser,
    MakeUser,
    Login,
    RefreshAccess,
    Logout,
    Authenticate,
    ReloadPrincipal,
    ConfirmPassword,
    ChangePassword,
    ChangeProfile,
    DeleteAccount,
    ExportAccount,
    StartSession,
    DropSession,
    FindSessions,
    ListSessions,
    ListSessionsOf,
    RevokeSession,
    RevokeOtherSessions,
    RevokeAllSessions,
    PurgeStaleSessions,
    SessionActivityBuffer,
    RecordSessionActivity,
    ListUsers,
    ShowUser,
    FindUser,
    ChangeUser,
    DeleteUser,
    RevokeSessionsOf,
    ForgetUser,
    ImportUsers,
    ExportUsers,
    PruneAuditLog,
    ListAuditEvents,
    ListActivity,
    CheckReadiness,
    ListPublicKeys,
    ListSigningKeys,
    RotateKeys,
    RevokeKey,
    MaintainKeys,
    Throttle,
    Audit,
)

UNOBSERVED = Observation()


def make_container(
    settings: Settings, *replacements: Provider, observation: Observation = UNOBSERVED
) -> AsyncContainer:
    """
    :param replacements: for tests and for those who embed the service: what these provide takes
        the place of what is provided here.
    :param observation: what watches the use cases and the adapters.
    """
    traced = [_traced(observation.tracing)] if observation.tracing else []
    return make_async_container(
        Adapters(),
        UseCases(),
        Jobs(),
        *traced,
        *replacements,
        context={Settings: settings, Observation: observation},
    )


def rate_limits(settings: Settings) -> throttle.RateLimits:
    return throttle.RateLimits(
        login_account=settings.login_limit_account,
        login_address=settings.login_limit_address,
        login=settings.login_limit,
        register_address=settings.register_limit_address,
        register=settings.register_limit,
        change_account=settings.change_limit_account,
        refresh_account=settings.refresh_limit_account,
        refresh_address=settings.refresh_limit_address,
        refresh=settings.refresh_limit,
    )


def _traced(tracing: "Tracing") -> Provider:
    """The use cases once more, and each call of them is a span."""
    provider = Provider(Scope.APP)
    for use_case in USE_CASES:
        if "__call__" in vars(use_case):
            provider.provide(tracing.traced(use_case), provides=use_case)
    return provider


class UseCases(Provider):
    scope = Scope.APP

    all = provide_all(*USE_CASES)
    # Not one of those that are traced: it awaits nothing.
    authenticate_from_cache = provide(AuthenticateFromCache)

    @provide
    def limits(self, settings: Settings) -> throttle.CurrentRateLimits:
        return throttle.CurrentRateLimits(rate_limits(settings))

    @provide
    def lifetimes(self, settings: Settings) -> Lifetimes:
        return Lifetimes(
            access=settings.access_lifetime,
            idle=settings.refresh_lifetime,
            absolute=settings.session_lifetime,
            grace=settings.refresh_grace,
        )

    @provide
    def sessions_per_user(self, settings: Settings) -> SessionsPerUser:
        return SessionsPerUser(settings.sessions_per_user)

    @provide
    def password_rule(self, settings: Settings) -> PasswordRule:
        return PasswordRule(settings.password_min_length, common_passwords())


class Adapters(Provider):
    scope = Scope.APP

    settings = from_context(Settings)
    observation = from_context(Observation)

    @provide
    def clock(self) -> Clock:
        return system_clock

    @provide
    def random_id(self) -> RandomId:
        return lambda: secrets.token_hex(16)

    @provide
    async def stores(
        self, settings: Settings, clock: Clock, observation: Observation
    ) -> AsyncIterator[Stores]:
        options = StoreOptions(
            settings.store_connections,
            settings.store_timeout,
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
    async def key_store(self, settings: Settings, clock: Clock) -> AsyncIterator[SigningKeyStore]:
        async with open_key_store(settings, clock) as store:
            yield store

    keys = alias(SigningKeyStore, provides=KeyStore)

    @provide
    def key_times(self, settings: Settings) -> KeyTimes:
        return key_times(settings)

    @provide
    async def key_ring_watcher(
        self,
        settings: Settings,
        store: SigningKeyStore,
        times: KeyTimes,
        maintain: MaintainKeys,
        clock: Clock,
        observation: Observation,
    ) -> KeyRingWatcher:
        if settings.keys_secret:
            await maintain()  # or there may be no keys yet
        keys = await KeyRingWatcher.load(store, times, clock, settings.revocation_bound)
        if observation.metrics:
            metrics = observation.metrics
            keys.report_to(metrics.tell_keys, metrics.keys_looked_at)
        return keys

    @provide
    def devices(self, settings: Settings, keys: KeyRingWatcher, clock: Clock) -> Devices:
        return HmacDevices(device_secrets(settings, keys, clock))

    @provide
    def audit_log(self, stores: Stores) -> AuditLog:
        return stores.audit_log

    @provide
    def health_checks(self, stores: Stores, keys: KeyRingWatcher) -> HealthChecks:
        async def check_keys() -> None:
            keys.check()

        return {**stores.health, "keys": check_keys}

    @provide
    def announce(self, observation: Observation) -> Announce:
        return observation.announce(LoggedEvents())

    @provide
    def jwt_signer(self, settings: Settings, keys: KeyRingWatcher) -> JwtSigner:
        return make_signer(settings, keys)

    @provide
    def verified_tokens(
        self, settings: Settings, signer: JwtSigner, keys: KeyRingWatcher, clock: Clock
    ) -> VerifiedTokenCache | None:
        if not settings.cached_users:
            return None
        max_tokens = 2 * settings.cached_users  # users have several devices
        cache = VerifiedTokenCache(signer, max_tokens, clock, keys.is_live)
        keys.follow(lambda _: cache.clear())
        return cache

    @provide
    def signer(self, signer: JwtSigner, cache: VerifiedTokenCache | None) -> TokenSigner:
        return cache or signer

    @provide
    def cached_tokens(self, cache: VerifiedTokenCache | None) -> CachedTokens:
        return cache or UncachedTokens()

    @provide
    def hashing_pool(self, settings: Settings, observation: Observation) -> Iterator[HashingPool]:
        pool = HashingPool(settings.hash_threads, settings.hash_queue, observation.metrics)
        yield pool
        pool.close()

    @provide
    def hasher(self, settings: Settings, pool: HashingPool) -> PasswordHasher:
        return Argon2Hasher(Cost(settings.argon2_passes, settings.argon2_memory), pool)
