"""Sessions from the near cache."""

from collections.abc import Mapping, Sequence

from application.ports import CachedSessions, Clock, SessionStore
from domain.audit_event import Event
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.near_cache.copies import Copies
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed


class NearCacheSessions(SessionStore, CachedSessions):
    """A copy shows that the session has not been ended. It may lack the last rotation, so once it
    is past its time the store is asked.

    :param sessions: which are asked when there is no copy, and which are written to.
    """

    def __init__(
        self, sessions: SessionStore, feed: InvalidationFeed, most: int, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._copies = Copies[Session](feed, most)
        self._clock = clock

    def cached(self, user_id: UserId, session_id: SessionId) -> Session | None:
        copy = self._copies.find(user_id, session_id)
        return None if copy is None or copy.has_ended(self._clock()) else copy

    async def possibly_stale(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self.cached(user_id, session_id) or await self.get(user_id, session_id)

    async def add(
        self, session: Session, activity: SessionActivity | None = None, event: Event | None = None
    ) -> None:
        await self._sessions.add(session, activity, event)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        stored = self._sessions.get(user_id, session_id)
        return await self._copies.read(user_id, session_id, stored)

    async def replace(self, old: Session, new: Session) -> bool:
        try:
            return await self._sessions.replace(old, new)
        finally:  # also when nobody knows whether it has happened
            self._copies.drop(old.user_id)

    async def delete(
        self, user_id: UserId, session_id: SessionId, event: Event | None = None
    ) -> None:
        try:
            await self._sessions.delete(user_id, session_id, event)
        finally:
            self._copies.drop(user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return await self._sessions.of_user(user_id)

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        await self._sessions.record_activity(user_id, session_id, activity)

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        return await self._sessions.activity_of(user_id)
