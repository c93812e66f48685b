"""Stores in memory that fail on request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.limit import Usage
from domain.session import Session, SessionId
from domain.user import Email, User, UserId
from infrastructure.memory import MemoryRateLimiter, MemorySessions, MemoryUsers


@dataclass
class Trouble:
    """
    :ivar users: what each call to the users raises, if anything.
    :ivar sessions: the same of the sessions.
    :ivar is_full: whether all attempts are used up.
    """

    users: Exception | None = None
    sessions: Exception | None = None
    is_full: bool = False


def _strike(error: Exception | None) -> None:
    if error is not None:
        raise error


class TroubledRateLimiter(MemoryRateLimiter):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        if self._trouble.is_full:
            return Usage(10**9, now + window)
        return await super().count(key, window, now)


class TroubledUsers(MemoryUsers):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    async def add(self, user: User) -> None:
        _strike(self._trouble.users)
        await super().add(user)

    async def get(self, user_id: UserId) -> User | None:
        _strike(self._trouble.users)
        return await super().get(user_id)

    async def by_email(self, email: Email) -> User | None:
        _strike(self._trouble.users)
        return await super().by_email(email)

    async def replace(self, old: User, new: User) -> bool:
        _strike(self._trouble.users)
        return await super().replace(old, new)

    async def delete(self, user_id: UserId) -> None:
        _strike(self._trouble.users)
        await super().delete(user_id)


class TroubledSessions(MemorySessions):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    async def add(self, session: Session) -> None:
        _strike(self._trouble.sessions)
        await super().add(session)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        _strike(self._trouble.sessions)
        return await super().get(user_id, session_id)

    async def replace(self, old: Session, new: Session) -> bool:
        _strike(self._trouble.sessions)
        return await super().replace(old, new)

    async def delete(self, user_id: UserId, session_id: SessionId) -> None:
        _strike(self._trouble.sessions)
        await super().delete(user_id, session_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        _strike(self._trouble.sessions)
        return await super().of_user(user_id)
