"""How users have authenticated: by which methods, and the level that these reach together."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum, auto
from functools import cache


class Method(StrEnum):
    """One way to show who one is. Rows and API bodies hold these names: never rename one."""

    PASSWORD = auto()
    TOTP = auto()
    """A code of an authenticator app (RFC 6238)."""
    RECOVERY_CODE = auto()
    PASSKEY = auto()
    """A WebAuthn credential whose authenticator has verified the user."""
    FEDERATED = auto()
    """A login at another provider of identities."""
    FEDERATED_MFA = auto()
    """The same, and the provider has asked for several factors: the operator trusts its word."""


class Level(IntEnum):
    """How many independent factors were shown. The ``acr`` of access tokens, as text."""

    ONE = 1
    TWO = 2


ONLY_PASSWORD = frozenset({Method.PASSWORD})
SECOND_FACTORS = frozenset({Method.TOTP, Method.RECOVERY_CODE, Method.PASSKEY})
"""The methods that complete a login with a password."""

_REFERENCES = {
    Method.PASSWORD: ("pwd",),
    Method.TOTP: ("otp",),
    Method.RECOVERY_CODE: ("otp",),
    Method.PASSKEY: ("pop", "user"),
    Method.FEDERATED_MFA: ("mfa",),
}
"""The names of RFC 8176, section 2. It has none for another provider."""


def level_of(methods: Iterable[Method]) -> Level:
    """Return the level that the methods reach together.

    A passkey is level 2 by itself: the authenticator, and what unlocks it. So is a login at a
    provider that has asked for several factors.
    """
    return _level_of(frozenset(methods))


@cache
def _level_of(shown: frozenset[Method]) -> Level:
    has_first = bool(shown & {Method.PASSWORD, Method.FEDERATED})
    has_second = bool(shown & {Method.TOTP, Method.RECOVERY_CODE})
    is_complete = bool(shown & {Method.PASSKEY, Method.FEDERATED_MFA})
    is_two = is_complete or (has_first and has_second)
    return Level.TWO if is_two else Level.ONE


def references_of(methods: Iterable[Method]) -> tuple[str, ...]:
    """Return the authentication method references (RFC 8176, ``amr``), in alphabetical order."""
    shown = frozenset(methods)
    names = {name for method in shown for name in _REFERENCES.get(method, ())}
    if level_of(shown) is Level.TWO:
        names.add("mfa")
    return tuple(sorted(names))
