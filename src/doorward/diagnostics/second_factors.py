"""The check of second factors: whether their secrets are protected, and can be opened."""

from collections.abc import Callable
from typing import Any

from application.ports import SecondFactorStore
from application.second_factors.reencrypt import CountFactors, FactorCounts
from domain.actor import Operator
from doorward.diagnostics.finding import Verdict
from doorward.plurals import counted
from doorward.wiring.signing_keys.key_stores import factor_secrets
from infrastructure.config.environment_variables import ConfigurationError
from infrastructure.config.settings import Settings
from infrastructure.config.signing_keys import KeySource
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.locations import Location, locations, store_options, translate_errors

_OFF = (
    "authenticator apps are off: no secret protects them. Set DATA_SECRET, which "
    "`doorward secrets generate` prints"
)
_LOST = (
    "cannot use their authenticator app: no secret opens it. Put the former DATA_SECRET or "
    "KEYS_SECRET behind the present one"
)
_OUTDATED = "of them under an earlier secret: run `doorward secrets reencrypt`"


def require_means(settings: Settings) -> None:
    """Require that users can have the second factors that the operator demands of them.

    :raises ConfigurationError: they cannot, and would be locked out.
    """
    policy = settings.second_factors.policy
    if not policy.demands_factors:
        return
    users, _ = locations(settings.storage)
    if users.backend.second_factors is None:
        raise ConfigurationError(
            "MFA", f"is {policy}, but the users are in a store without second factors"
        )
    if not (settings.secrets.data or settings.keys.source.is_sql):
        raise ConfigurationError(
            "MFA",
            f"is {policy}, but no secret protects second factors: set DATA_SECRET, which "
            "`doorward secrets generate` prints",
        )


async def check_second_factors(settings: Settings) -> tuple[Verdict, str]:
    """Count the users whose authenticator app no configured secret opens.

    :raises ConfigurationError: see :func:`require_means`.
    """
    require_means(settings)
    if _is_before_first_start(settings):
        return "info", "none yet: the first start makes the secret that protects them"
    secrets = SealedFactors(factor_secrets(settings))
    users, _ = locations(settings.storage)
    if users.is_memory:
        return "info", "in memory (gone when the process ends)"
    if users.backend.second_factors is None:
        return "info", "off: the users are in a store without them"
    counts = await _count(settings, users, users.backend.second_factors, secrets)
    return _finding(counts, secrets)


def _finding(counts: FactorCounts, secrets: SealedFactors) -> tuple[Verdict, str]:
    if counts.lost:
        return "FAIL", f"{counts.lost} of {counted(counts.users, 'user')} {_LOST}"
    if not secrets.is_available():
        return "info", _OFF
    found = f"{counted(counts.users, 'user')} with an authenticator app"
    if counts.outdated:
        return "warn", f"{found}, {counts.outdated} {_OUTDATED}"
    return "ok", found


def _is_before_first_start(settings: Settings) -> bool:
    """Whether the embedded default has not made its secret yet."""
    is_embedded = settings.keys.source is KeySource.EMBEDDED_DATABASE
    has_secret = settings.storage.secret_file.exists() or settings.secrets.data
    return is_embedded and not has_secret


async def _count(
    settings: Settings,
    users: Location,
    make: Callable[[Any], SecondFactorStore],
    secrets: SealedFactors,
) -> FactorCounts:
    if users.file and not users.file.exists():
        return FactorCounts()
    with translate_errors(users):
        async with users.connect(store_options(settings.storage)) as connection:
            return await CountFactors(make(connection), secrets)(Operator())
