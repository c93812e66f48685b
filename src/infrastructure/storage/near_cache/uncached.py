"""The caching ports where caching is off: every question goes to the store."""

from typing_extensions import override

from application.ports import CachedSessions, CachedUsers, SessionStore, UserRepository
from domain.session import Session, SessionId
from domain.user import User, UserId


class UncachedUsers(CachedUsers):
    def __init__(self, users: UserRepository) -> None:
        self._users = users

    @override
    def cached(self, user_id: UserId) -> User | None:
        return None

    async def possibly_stale(self, user_id: UserId) -> User | None:
        return await self._users.get(user_id)


class UncachedSessions(CachedSessions):
    def __init__(self, sessions: SessionStore) -> None:
        self._sessions = sessions

    @override
    def cached(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return None

    async def possibly_stale(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return await self._sessions.get(user_id, session_id)
