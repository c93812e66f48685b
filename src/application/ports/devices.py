"""Tokens of known devices."""

from abc import abstractmethod
from collections.abc import Sequence
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
    def authentic_id(self, token: str | None) -> str | None:
        """Return the device's id, if it was issued to any user.

        It needs no user and proves nothing about one: an attacker who guesses ids is refused
        before the user is looked up, and one with a device can be counted by it.

        :returns: 32 hexadecimal digits.
        """

    @abstractmethod
    def recognise(self, token: str | None, user: User) -> str | None:
        """Return the device's id, if the token was issued to this user."""

    @abstractmethod
    def network_digests(self, user: User | None, network: str) -> Sequence[str]:
        """Return keyed digests of a network that this user has used: 32 hexadecimal digits each.

        They change with the user's generation, as the tokens do. An unknown user has digests that
        nothing else has.

        :returns: the present one first, then those under earlier secrets.
        """
