"""The accounts at other providers that log users in."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.social_login.identity import Identity, IdentityId
from domain.user import UserId


class IdentityStore(Protocol):
    """Identities by id, by account and by user. They are in the database of the users.

    A change of a user links and unlinks them, in its own step: see
    :class:`~application.ports.effects.Effects`. So no identity leads to a user who does not exist
    or has changed meanwhile, and no new user is left without one.
    """

    @abstractmethod
    async def find(self, issuer: str, subject: str) -> Identity | None:
        """Return the identity of an account, compared to the letter."""

    @abstractmethod
    async def by_id(self, identity_id: IdentityId) -> Identity | None: ...

    @abstractmethod
    async def of_user(self, user_id: UserId) -> Sequence[Identity]:
        """Return the identities of a user in the order in which they were linked."""

    @abstractmethod
    async def replace(self, old: Identity, new: Identity) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id,
        account and user.
        """

    @abstractmethod
    async def delete(self, identity: Identity, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        """Delete an identity, whatever its last use is by now. Deleting twice is no error."""

    @abstractmethod
    async def forget(self, user_id: UserId) -> None:
        """Delete all identities of a user. Deleting twice is no error."""
