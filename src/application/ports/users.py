"""The users."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from application.pagination import Page, Total, UserQuery
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.email import Email
from domain.user import User, UserId


class UserRepository(Protocol):
    """The users. Emails are compared by their canonical key.

    Once there is an administrator (:attr:`~domain.user.User.is_administrator`) there always is.
    """

    @abstractmethod
    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        """Store a new user.

        :raises EmailTaken: of several users with one address, however parallel, one is stored.
        """

    @abstractmethod
    async def add_all(
        self, users: Sequence[User], effects: Effects = NO_EFFECTS
    ) -> Stored[Sequence[UserId]]:
        """Store new users in one step, except those whose address or id a stored user has.

        :returns: as ``changed`` the ids of those that were stored.
        """

    @abstractmethod
    async def get(self, user_id: UserId) -> User | None:
        """Return the user as stored now."""

    @abstractmethod
    async def by_email(self, email: Email) -> User | None:
        """Return the user with this address as stored now."""

    @abstractmethod
    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id.

        Nothing is changed when the user was changed or deleted in the meantime.

        :raises EmailTaken: the new address belongs to another user.
        :raises LastAdministrator: no administrator would be left. Of several that are replaced or
            deleted in parallel one is left.
        """

    @abstractmethod
    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        """Forget the user. Deleting twice is no error.

        :raises LastAdministrator: see :meth:`replace`.
        """

    @abstractmethod
    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        """Return a page of the matching users. A user who does not change meanwhile is on exactly
        one page; in the order of time so is every user who is not deleted.

        :param after: :attr:`~application.pagination.Page.next` of the page before.
        :raises InvalidInput: ``after`` comes from no page of this query.
        """

    @abstractmethod
    async def count(self, query: UserQuery, exact_up_to: int = 1000) -> Total:
        """Return the number of matching users.

        :param exact_up_to: a greater number may be an estimate.
        """
