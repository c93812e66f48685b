"""Tokens of known devices."""

from abc import abstractmethod
from typing import Protocol

from domain.user import User


class Devices(Protocol):
    """Recognises the devices on which a user has logged in before.

    An attacker who guesses passwords then uses up the attempts of unknown devices, and does not
    lock the owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
    """

    @abstractmethod
    def issue(self, user: User) -> str:
        """Return a token for the device on which this user has just logged in.

        It is valid until the user's generation changes: a new password makes all other devices
        unknown.
        """

    @abstractmethod
    def recognise(self, token: str | None, user: User) -> str | None:
        """Return the device's id, if the token was issued to this user."""
