"""Delete the records of sessions that have ended."""

from dataclasses import dataclass
from datetime import timedelta

from application.ports import Clock, SessionStore
from domain.user import User

_KEPT_EXPIRED = timedelta(hours=1)
"""More than the clocks of the nodes differ."""
_STEP, _MAX_STEPS = 500, 100
"""Sessions that one call of the store deletes, and calls of one run."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PurgeStaleSessions:
    """Delete the sessions of earlier generations: raising the generation has ended them."""

    sessions: SessionStore

    async def __call__(self, user: User) -> None:
        for session in await self.sessions.of_user(user.id):
            if not session.is_good_for(user):
                await self.sessions.delete(user.id, session.id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PurgeExpiredSessions:
    """Delete expired sessions of users who do not return. Others are deleted at their login."""

    sessions: SessionStore
    clock: Clock

    async def __call__(self) -> None:
        """Delete in steps, up to a maximum: the next run deletes the others.

        :raises Unavailable: the store does not answer.
        """
        before = self.clock() - _KEPT_EXPIRED
        for _ in range(_MAX_STEPS):
            if await self.sessions.delete_expired(before, _STEP) < _STEP:
                return
