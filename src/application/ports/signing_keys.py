"""The keys that sign tokens."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.key_ring import Key, KeyId, KeyListing, KeyRing
from domain.token import TokenKind


class KeyStore(Protocol):
    """The keys that sign tokens. Their names and times leave it, the private keys do not."""

    @abstractmethod
    async def ring(self) -> KeyRing:
        """Return the ring as it is stored now, without entries that are no valid key."""

    @abstractmethod
    async def list(self) -> KeyListing:
        """Return the ring as it is stored now, with what an operator wants to know of it."""

    @abstractmethod
    async def make(self, kind: TokenKind, now: datetime) -> Key:
        """Make a key, as a standby that is published from now on. It is kept as soon as a ring
        that has it is stored.

        :raises KeysReadOnly: the ring cannot be changed here.
        """

    @abstractmethod
    async def replace(
        self, old: KeyRing, new: KeyRing, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. So one of many workers
        that find at once that a rotation is due rotates. Nothing is changed when the ring was
        changed in the meantime.

        :raises KeysReadOnly: the ring cannot be changed here.
        """

    @abstractmethod
    async def discard(self, key_id: KeyId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        """Delete the entry of this id, if it is no valid key."""

    @abstractmethod
    async def reencrypt(self) -> int:
        """Encrypt the keys with the present secret, where they are encrypted.

        :returns: how many were encrypted with an earlier one.
        """
