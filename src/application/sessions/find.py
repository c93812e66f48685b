"""Find and list the valid sessions of a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports import Clock, SessionStore, UserRepository
from domain.actor import Actor, Principal
from domain.errors import NotFound, TokenRejected
from domain.permissions import Permission
from domain.session import (
    Lifetimes,
    Session,
)
from domain.session_activity import SessionActivity
from domain.user import User, UserId


@dataclass(frozen=True, slots=True)
class SessionWithActivity:
    """
    :ivar activity: where and by what it was last used, if that is known.
    """

    session: Session
    activity: SessionActivity | None

    @property
    def last_seen_at(self) -> datetime:
        seen = self.activity.at if self.activity else self.session.started_at
        return max(seen, self.session.rotated_at)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindSessions:
    """Find the valid sessions of a user, the one that was used last first."""

    sessions: SessionStore
    lifetimes: Lifetimes
    clock: Clock

    async def __call__(self, user: User, actor: Actor) -> Sequence[SessionWithActivity]:
        """
        :param actor: sees the own session as of the presented token: an attacker who has copied
            it does not learn when the owner refreshes.
        """
        now = self.clock()
        activities = await self.sessions.activity_of(user.id)
        good = [
            SessionWithActivity(self._as_seen_by(actor, session), activities.get(session.id))
            for session in await self.sessions.of_user(user.id)
            if session.is_good_for(user) and not session.has_ended(now)
        ]
        return sorted(good, key=lambda each: each.last_seen_at, reverse=True)

    def _as_seen_by(self, actor: Actor, session: Session) -> Session:
        if not isinstance(actor, Principal) or session.id != actor.session.id:
            return session
        issued_at = actor.token_issued_at
        return session if issued_at is None else session.as_of(issued_at, self.lifetimes)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListSessions:
    """List the principal's own sessions."""

    users: UserRepository
    find_sessions: FindSessions

    async def __call__(self, principal: Principal) -> Sequence[SessionWithActivity]:
        """:raises TokenRejected: the user has been deleted."""
        user = await self.users.get(principal.user.id)
        if user is None:
            raise TokenRejected
        return await self.find_sessions(user, principal)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListSessionsOf:
    """List the sessions of any user, for an administrator or the operator."""

    users: UserRepository
    find_sessions: FindSessions

    async def __call__(self, actor: Actor, user_id: UserId) -> Sequence[SessionWithActivity]:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        user = await self.users.get(user_id)
        if user is None:
            raise NotFound
        return await self.find_sessions(user, actor)
