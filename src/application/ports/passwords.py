"""Password hashes."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from domain.passwords.password import Password


@dataclass(frozen=True, slots=True)
class HashClient:
    """For whom a hash is computed. It decides the share of the queue and of the time.

    :ivar address: the client's IP address. Clients of one network share.
    :ivar is_known: whether the client has authenticated as the user before: it presents a device
        token or a session. Known clients have a share of their own.
    """

    address: str
    is_known: bool = False


class UnusableHash(ValueError):
    """A hash of another system cannot be verified. The message says why, and quotes none of it."""


class PasswordHasher(Protocol):
    """Slow, salted password hashes."""

    @abstractmethod
    async def hash(self, password: Password, client: HashClient) -> str:
        """Return a hash with a new salt and the current parameters.

        :raises Unavailable: the queue of hashes is full, or the client's share of it.
        """

    @abstractmethod
    async def verify(self, password: Password, stored: str | None, client: HashClient) -> bool:
        """Return whether the stored hash is one of this password.

        A hash that :meth:`adopt` returned is compared with each of :meth:`Password.spellings`, as
        far as an acceptable time allows.

        ``None``, an unreadable hash and one of excessive cost take as long as a real one, and are
        False.

        :raises Unavailable: the queue of hashes is full, or the client's share of it.
        """

    @abstractmethod
    def adopt(self, given: str) -> str:
        """Return what to store for a hash that another system made, so that its owner can log in.

        :meth:`verify` accepts more expensive hashes, which earlier releases have imported.

        :raises UnusableHash: no password can pass :meth:`verify` with it, in acceptable time.
        """

    @abstractmethod
    def is_outdated(self, stored: str) -> bool:
        """Return whether the hash is weaker than a new one, or of another system."""
