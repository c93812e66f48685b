"""Environment variables that have no effect, though an operator may expect one."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import structlog

from infrastructure.config.environment_variables import is_service_link
from infrastructure.config.settings import Settings

log = structlog.stdlib.get_logger("doorward")

_SIMILARITY = 0.86
"""DATBASE_URL is this similar to DATABASE_URL, and METRICS_PORT is not to POSTGRES_PORT."""

_SYNONYMS = {
    "DB_URL": "DATABASE_URL",
    "DATABASE_URI": "DATABASE_URL",
    "POSTGRES_URL": "DATABASE_URL",
    "POSTGRES_DATABASE": "POSTGRES_DB",
    "REDIS_HOST": "REDIS_URL",
    "SMTP_URL": "MAIL_URL",
    "SMTP_HOST": "MAIL_URL",
    "SMTP_FROM": "MAIL_FROM",
    "EMAIL_FROM": "MAIL_FROM",
    "TRUSTED_PROXY": "TRUSTED_PROXIES",
}
"""What other programs call these settings."""

_PREFIX = "DOORWARD_"
_FOREIGN = ("OTEL_", "TEST_")
"""The SDK of OpenTelemetry reads more variables than the settings declare."""


@dataclass(frozen=True, slots=True)
class EnvironmentWarning:
    """
    :ivar event: the name of the log event.
    :ivar reason: the ignored setting, and why. It never contains a value.
    """

    event: str
    variable: str
    reason: str


def warnings_of(environment: Mapping[str, str]) -> Iterator[EnvironmentWarning]:
    """Yield the variables whose names are close to those of settings, and service links."""
    known = {each.name for each in Settings.variables(environment)}
    for name, text in sorted(environment.items()):
        if is_service_link(name, text):  # of Doorward's own Service, DOORWARD_PORT is no typo
            if name in known:
                reason = "is a service link of Kubernetes, and ignored"
                yield EnvironmentWarning("service_link_ignored", name, reason)
        elif name not in known and (meant := _similar_setting(name, known)):
            reason = f"is no setting, and ignored; did you mean {meant}?"
            yield EnvironmentWarning("unknown_variable_ignored", name, reason)


def log_warnings(environment: Mapping[str, str]) -> None:
    for each in warnings_of(environment):
        log.warning(each.event, variable=each.variable, reason=each.reason)


def _similar_setting(name: str, known: Collection[str]) -> str | None:
    upper = name.upper()
    if upper.startswith(_FOREIGN):
        return None
    own = upper.removeprefix(_PREFIX)
    if own in known:  # in lower case, or with the prefix
        return own
    if upper in _SYNONYMS:
        return _SYNONYMS[upper]
    return next(iter(get_close_matches(upper, known, 1, _SIMILARITY)), None)
