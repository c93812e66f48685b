"""The settings as administrators may see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """
    :ivar name: of the environment variable.
    :ivar value: in the words of the configuration; ``None`` of a secret, and of what is not set.
    :ivar is_set: whether there is a value.
    :ivar is_default: whether the value is the one without the variable.
    :ivar meaning: one or two sentences in English, with names in backticks.
    """

    name: str
    value: str | None
    is_set: bool
    is_default: bool
    is_secret: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class SettingsInForce:
    """
    :ivar locations: where ``users``, ``sessions``, ``keys`` and ``mail`` are, without passwords.
    :ivar sections: the settings by their titles, in English.
    """

    locations: Mapping[str, str]
    sections: Mapping[str, Sequence[ShownSetting]]


ReportSettings = Callable[[], SettingsInForce]
"""Return the settings that this process uses now. No secret is among them."""
