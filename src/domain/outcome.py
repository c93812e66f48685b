"""How an attempt ended: the stable names under which that is recorded, counted and published."""

from enum import StrEnum, auto
from typing import Self


class Outcome(StrEnum):
    """Success, or the error that ended the attempt.

    Audit rows, API answers, metric labels and log lines hold these names: never rename one.
    ``Outcome(text)`` also reads the names that earlier releases recorded. Any other text, such as
    the name of a later release, is ``UNKNOWN``.
    """

    SUCCESS = auto()
    INVALID_INPUT = auto()
    EMAIL_TAKEN = auto()
    INVALID_CREDENTIALS = auto()
    NOT_LOGGED_IN = auto()
    INVALID_TOKEN = auto()
    REFRESH_TOKEN_REUSED = auto()
    REFRESH_TOKEN_MISSING = auto()
    WRONG_PASSWORD = auto()
    PERMISSION_MISSING = auto()
    NOT_FOUND = auto()
    LAST_ADMINISTRATOR = auto()
    TOO_MANY_REQUESTS = auto()
    CROSS_SITE_REQUEST = auto()
    UNAVAILABLE = auto()
    KEYS_READ_ONLY = auto()
    KEY_UNKNOWN = auto()
    REGISTRATION_CLOSED = auto()
    ONE_TIME_TOKEN_INVALID = auto()
    EMAIL_UNVERIFIED = auto()
    MAIL_OFF = auto()
    SECOND_FACTOR_REQUIRED = auto()
    SECOND_FACTOR_INVALID = auto()
    SECOND_FACTOR_ENROLMENT_REQUIRED = auto()
    SECOND_FACTORS_OFF = auto()
    STEP_UP_REQUIRED = auto()
    LEVEL_TOO_LOW = auto()
    PASSKEY_INVALID = auto()
    LAST_CREDENTIAL = auto()
    SOCIAL_FLOW_INVALID = auto()
    PROVIDER_CANCELLED = auto()
    PROVIDER_REFUSED = auto()
    PROVIDER_UNAVAILABLE = auto()
    PROVIDER_EMAIL_UNVERIFIED = auto()
    LINK_REQUIRED = auto()
    IDENTITY_TAKEN = auto()
    INTERNAL_ERROR = auto()
    """An error that no rule of Doorward raises: a defect, or a full disk."""
    UNKNOWN = auto()

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls(_EARLIER_NAMES.get(str(value), "unknown"))

    @property
    def recorded_names(self) -> frozenset[str]:
        """The names under which audit rows may hold it: its own and those of earlier releases."""
        earlier = {name for name, outcome in _EARLIER_NAMES.items() if outcome == self.value}
        return frozenset({self.value, *earlier})


# Releases up to 2026 recorded the names of Python classes. No other failure was ever recorded.
_EARLIER_NAMES = {
    "InvalidCredentials": "invalid_credentials",
    "WrongPassword": "wrong_password",
    "RefreshTokenReused": "refresh_token_reused",
    "LastAdministrator": "last_administrator",
}
