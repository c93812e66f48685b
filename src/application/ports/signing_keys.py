"""The keys that sign tokens."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from domain.key_ring import Key, KeyId, KeyListing, KeyRing
from domain.token import TokenKind


class KeyStore(Protocol):
    """The keys that sign tokens. What is known of them leaves it, the keys themselves do not."""

    @abstractmethod
    async def ring(self) -> KeyRing:
        """The ring as it is stored now. What makes no key is not on it."""

    @abstractmethod
    async def list(self) -> KeyListing:
        """Return the ring as it is stored now, with what an operator wants to know of it."""

    @abstractmethod
    async def make(self, kind: TokenKind, now: datetime) -> Key:
        """A new key, as a standby that is published from now on. It is kept as soon as a ring that
        has it is stored.
        """

    @abstractmethod
    async def replace(self, old: KeyRing, new: KeyRing) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. So of many workers who
        find at once that a rotation is due, one rotates.

        :returns: False, with nothing changed, when the ring was changed in the meantime.
        :raises KeysReadOnly: the ring cannot be changed here.
        """

    @abstractmethod
    async def discard(self, key_id: KeyId) -> bool:
        """Take away what is stored under this id, if it can be made no key of.

        :returns: whether there was anything.
        """
