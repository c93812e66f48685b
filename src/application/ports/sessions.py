"""The sessions and their last activity."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId


class SessionStore(Protocol):
    """The sessions that have not been ended.

    A store *may* forget a session whose ``expires_at`` has passed: it has ended either way.
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
        """The session as it is stored now, if it is there and this user's."""

    @abstractmethod
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same id.

        Of any number of parallel replacements of one session a single one wins, and none brings
        back a session that has been deleted. Nothing is changed when the session was changed or
        deleted in the meantime.
        """

    @abstractmethod
    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """End the session; nothing about it is left. Deleting what is not there is no error."""

    @abstractmethod
    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        """The user's sessions, the oldest first."""

    @abstractmethod
    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        """Note where the session was last seen, in place of what was noted before. Nothing is
        noted of a session that is not there.
        """

    @abstractmethod
    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        """Where the user's sessions were last seen, as far as that was noted."""
