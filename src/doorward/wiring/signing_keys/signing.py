"""The signing keys of this process, and all that is signed with them."""

from collections.abc import AsyncIterator

from dishka import Provider, Scope, alias, provide

from application.ports import (
    CachedTokens,
    Clock,
    Devices,
    FactorSecrets,
    KeyStore,
    OneTimeSecrets,
    TokenSigner,
)
from application.signing_keys import MaintainKeys
from domain.key_ring import KeyTimes
from domain.second_factors.totp import Issuer
from doorward.wiring.signing_keys.key_stores import (
    derived_secrets,
    factor_secrets,
    key_times,
    make_signer,
    open_key_store,
)
from infrastructure.config.mail.settings import service_name
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySettings
from infrastructure.config.storage import StorageSettings
from infrastructure.config.tokens import TokenSettings
from infrastructure.signing.device_tokens import HmacDevices
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import SigningKeyStore
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from infrastructure.signing.verified_token_cache import UncachedTokens, VerifiedTokenCache
from infrastructure.telemetry.telemetry import Observation


class SigningProvider(Provider):
    """Provides the key store, the current key ring, and the signer of tokens and devices."""

    scope = Scope.APP

    @provide
    async def key_store(self, settings: Settings, clock: Clock) -> AsyncIterator[SigningKeyStore]:
        async with open_key_store(settings, clock) as store:
            yield store

    keys = alias(SigningKeyStore, provides=KeyStore)

    @provide
    def key_times(self, settings: KeySettings, tokens: TokenSettings) -> KeyTimes:
        return key_times(settings, tokens)

    @provide
    async def key_ring_watcher(
        self,
        settings: KeySettings,
        storage: StorageSettings,
        store: SigningKeyStore,
        times: KeyTimes,
        maintain: MaintainKeys,
        clock: Clock,
        observation: Observation,
    ) -> KeyRingWatcher:
        if settings.secrets:
            await maintain()  # or there may be no keys yet
        keys = await KeyRingWatcher.load(store, times, clock, storage.revocation_bound)
        if observation.metrics:
            metrics = observation.metrics.keys
            keys.report_to(metrics.report, metrics.report_checked)
        return keys

    @provide
    def devices(self, settings: Settings, keys: KeyRingWatcher, clock: Clock) -> Devices:
        return HmacDevices(derived_secrets(settings, keys, clock, b"doorward device tokens"))

    @provide
    def one_time_secrets(
        self, settings: Settings, keys: KeyRingWatcher, clock: Clock
    ) -> OneTimeSecrets:
        return HmacOneTimeSecrets(
            derived_secrets(settings, keys, clock, b"doorward one-time tokens")
        )

    @provide
    def sealed_factors(self, settings: Settings) -> SealedFactors:
        return SealedFactors(factor_secrets(settings))

    factor_secrets = alias(SealedFactors, provides=FactorSecrets)

    @provide
    def issuer(self, settings: Settings) -> Issuer:
        return Issuer(service_name(settings.mail, settings.http))

    @provide
    def jwt_signer(self, settings: Settings, keys: KeyRingWatcher) -> JwtSigner:
        return make_signer(settings, keys)

    @provide
    def verified_tokens(
        self, settings: StorageSettings, signer: JwtSigner, keys: KeyRingWatcher, clock: Clock
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
