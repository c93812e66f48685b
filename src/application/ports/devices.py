"""Tokens of known devices."""

from abc import abstractmethod
from typing import Protocol

from domain.user import User


class Devices(Protocol):
    """Tells a device on which somebody has logged in before from all others.

    So that somebody who guesses a person's password locks out themselves and not the person
    (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
    """

    @abstractmethod
    def issue(self, user: User) -> str:
        """A token for the device on which this user has just logged in. It is good until the
        user's generation changes: with a new password all others are strangers again.
        """

    @abstractmethod
    def recognise(self, token: str | None, user: User) -> str | None:
        """The device's id, if the token was issued to this user."""
