"""Password hashes."""

from abc import abstractmethod
from typing import Protocol

from domain.password import Password


class PasswordHasher(Protocol):
    """Slow, salted password hashes."""

    @abstractmethod
    async def hash(self, password: Password) -> str:
        """A hash with a fresh salt and the parameters of today.

        :raises Unavailable: too many hashes are waiting already.
        """

    @abstractmethod
    async def verify(self, password: Password, stored: str | None) -> bool:
        """Whether this is the password behind the stored hash.

        ``None``, an unreadable hash and one of absurd cost take as long as a real one and are
        False.

        :raises Unavailable: too many hashes are waiting already.
        """

    @abstractmethod
    def can_verify(self, stored: str) -> bool:
        """Whether :meth:`verify` can ever say True of this hash."""

    @abstractmethod
    def is_outdated(self, stored: str) -> bool:
        """Whether the hash is weaker than one made today, or of another system, and worth making
        anew.
        """
