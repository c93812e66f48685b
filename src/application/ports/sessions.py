"""The sessions and their last activity."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId


class SessionStore(Protocol):
    """The sessions that have not been revoked.

    A store *may* delete a session whose ``expires_at`` has passed: it has ended either way.
    """

    @abstractmethod
    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        """Store a new session. Sessions of that user which ended before it began may be swept."""

    @abstractmethod
    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """Return the session as stored now, if it belongs to this user."""

    @abstractmethod
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same user.

        ``new`` may have another id: the old session then ends in the same step, and its activity
        becomes that of the new one.

        Of any number of parallel replacements of one session a single one wins, and none brings
        back a session that has been deleted. Nothing is changed when the session was changed or
        deleted in the meantime.
        """

    @abstractmethod
    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """End the session; nothing about it is left. Deleting twice is no error."""

    @abstractmethod
    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        """Return the user's sessions, the oldest first."""

    @abstractmethod
    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        """Store the last activity of a session, in place of the previous one. The activity of a
        session that does not exist is not stored.
        """

    @abstractmethod
    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        """Return the last activity of the user's sessions, where there is one."""

    async def delete_expired(self, before: datetime, limit: int) -> int:  # noqa: ARG002
        """Delete sessions that expired before this time, of any user.

        A store whose sessions expire by themselves does nothing, as here.

        :param limit: the maximum number to delete, so that one call ends in time.
        :returns: how many were deleted; fewer than the limit if none is left.
        """
        return 0

    async def count(self, now: datetime) -> int | None:  # noqa: ARG002
        """Return how many sessions there are that have not expired at this time.

        It may be an estimate if there are many, and may include some that have expired. ``None``,
        as here, of a store that cannot tell.
        """
        return None
