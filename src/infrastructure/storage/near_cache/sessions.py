"""Sessions behind the near cache."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from application.ports import (
    NO_EFFECTS,
    CachedSessions,
    Clock,
    Effects,
    SessionStore,
    Stored,
)
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.per_user_cache import PerUserCache


class NearCacheSessions(SessionStore, CachedSessions):
    """A cached session has not been revoked. It may lack the last rotation, so a cached session
    that has expired is read from the store again.

    :param sessions: read when a session is not cached, and written to.
    """

    def __init__(
        self, sessions: SessionStore, feed: InvalidationFeed, max_users: int, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._cache = PerUserCache[Session](feed, max_users)
        self._clock = clock

    def cached(self, user_id: UserId, session_id: SessionId) -> Session | None:
        session = self._cache.get(user_id, session_id)
        return None if session is None or session.has_ended(self._clock()) else session

    async def possibly_stale(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self.cached(user_id, session_id) or await self.get(user_id, session_id)

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        return await self._sessions.add(session, activity, effects)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        reading = self._sessions.get(user_id, session_id)
        return await self._cache.load(user_id, session_id, reading)

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        try:
            return await self._sessions.replace(old, new, effects)
        finally:  # also when it is unknown whether it happened
            self._cache.invalidate(old.user_id)

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        try:
            return await self._sessions.delete(user_id, session_id, effects)
        finally:
            self._cache.invalidate(user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return await self._sessions.of_user(user_id)

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        await self._sessions.record_activity(user_id, session_id, activity)

    async def delete_expired(self, before: datetime, limit: int) -> int:
        return await self._sessions.delete_expired(before, limit)

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        return await self._sessions.activity_of(user_id)

    async def count(self, now: datetime) -> int | None:
        return await self._sessions.count(now)
