"""Stores in memory that fail on request."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.session import Session, SessionId
from domain.user import Email, User, UserId
from infrastructure.memory import MemorySessions, MemoryUsers


@dataclass
class Trouble:
    """
    :ivar users: what each call to the users raises, if anything.
    :ivar sessions: the same of the sessions.
    """

    users: Exception | None = None
    sessions: Exception | None = None


def _strike(error: Exception | None) -> None:
    if error is not None:
        raise error


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
