"""Applies a changed configuration to a running process."""

import asyncio
from collections.abc import Sequence

import structlog

from application.rate_limiting import CurrentRateLimits
from doorward.env_file import Environment
from doorward.wiring.signing_keys.key_stores import factor_secrets, keys_in_environment
from infrastructure.config.data_secret import data_secrets
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySource
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.signing.key_ring_watcher import KeyRingWatcher

log = structlog.stdlib.get_logger("doorward")


class ConfigurationReload:
    """Reads the configuration again, and applies the rate limits, the signing keys and
    the secrets outside the database.

    Everything else needs a restart.

    :param environment: where the configuration is read.
    :param source: where the keys of this process come from.
    """

    def __init__(
        self,
        environment: Environment,
        limits: CurrentRateLimits,
        keys: KeyRingWatcher,
        source: KeySource,
        factors: SealedFactors,
    ) -> None:
        self._environment = environment
        self._limits = limits
        self._keys = keys
        self._source = source
        self._factors = factors
        self._reloads: set[asyncio.Task[None]] = set()  # asyncio keeps no reference to its tasks

    def __call__(self) -> None:
        """Apply all of the new configuration, or nothing if any of it is wrong."""
        try:
            settings = Settings.read(self._environment.read())
            new_keys = keys_in_environment(settings.keys) if settings.keys.has_keys else None
            new_secrets = self._new_secrets(settings)
            is_same_source = settings.keys.source is self._source
            of_factors = factor_secrets(settings) if is_same_source else ()
        except ConfigurationError as error:
            log.warning("configuration_reload_refused", reason=str(error))
            return
        self._limits.now = settings.rate_limits
        if not is_same_source:
            log.warning("key_store_change_ignored", remedy="restart")
        else:
            self._factors.use(of_factors)
            if new_keys:
                self._keys.take(new_keys)
            elif new_secrets:
                self._keys.decrypt_with(new_secrets)
        reload = asyncio.create_task(self._keys.reload())
        self._reloads.add(reload)
        reload.add_done_callback(self._reloads.discard)
        log.info("configuration_reloaded", reloaded=["rate_limits", "signing_keys"])

    def _new_secrets(self, settings: Settings) -> Sequence[bytes]:
        """Return the data secrets, unless the keys stay elsewhere or would move."""
        if settings.keys.source is not self._source or not self._source.is_sql:
            return ()
        return data_secrets(settings.keys, settings.storage)
