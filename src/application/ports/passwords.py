"""Password hashes."""

from abc import abstractmethod
from typing import Protocol

from domain.password import Password


class PasswordHasher(Protocol):
    """Slow, salted password hashes."""

    @abstractmethod
    async def hash(self, password: Password) -> str:
        """Return a hash with a new salt and the current parameters.

        :raises Unavailable: the queue of hashes is full.
        """

    @abstractmethod
    async def verify(self, password: Password, stored: str | None) -> bool:
        """Return whether the stored hash is one of this password.

        ``None``, an unreadable hash and one of excessive cost take as long as a real one, and are
        False.

        :raises Unavailable: the queue of hashes is full.
        """

    @abstractmethod
    def can_verify(self, stored: str) -> bool:
        """Return whether any password can pass :meth:`verify` with this hash."""

    @abstractmethod
    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash is weaker than a new one, or of another system."""
