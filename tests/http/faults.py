"""Stores in memory that fail on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.pagination import Page, UserQuery
from application.ports import HealthChecks
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.email import Email
from domain.mail.one_time_token import OneTimeToken
from domain.rate_limit import Usage
from domain.second_factors.challenge import Challenge
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import User, UserId
from infrastructure.storage.memory.challenges import MemoryChallenges
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.social_login.identities import MemoryIdentities
from infrastructure.storage.memory.users import MemoryUsers


@dataclass
class Faults:
    """
    :ivar users: the error of each call to the users, if any.
    :ivar sessions: the error of each call to the sessions, if any.
    :ivar is_full: whether all attempts are used up.
    """

    users: Exception | None = None
    sessions: Exception | None = None
    is_full: bool = False

    @property
    def health_checks(self) -> HealthChecks:
        """The checks of these stores, and of keys without faults."""

        async def users() -> None:
            _raise_if_set(self.users)

        async def sessions() -> None:
            _raise_if_set(self.sessions)

        async def keys() -> None:
            pass

        return {"users": users, "sessions": sessions, "keys": keys}


def _raise_if_set(error: Exception | None) -> None:
    if error is not None:
        raise error


class FaultyRateLimiter(MemoryRateLimiter):
    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        if self._faults.is_full:
            return Usage(10**9, now + window)
        return await super().count(key, window, now)


class FaultyOneTimeTokens(MemoryOneTimeTokens):
    """Fail with the users: they are in their database."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    async def by_digest(self, digest: str) -> OneTimeToken | None:
        _raise_if_set(self._faults.users)
        return await super().by_digest(digest)


class FaultyChallenges(MemoryChallenges):
    """Fail with the users, likewise."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    async def count_try(self, digest: str) -> Challenge | None:
        _raise_if_set(self._faults.users)
        return await super().count_try(digest)


class FaultyUsers(MemoryUsers):
    def __init__(
        self, faults: Faults, tokens: MemoryOneTimeTokens, identities: MemoryIdentities
    ) -> None:
        super().__init__(tokens=tokens, identities=identities)
        self._faults = faults

    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        _raise_if_set(self._faults.users)
        return await super().add(user, effects)

    async def get(self, user_id: UserId) -> User | None:
        _raise_if_set(self._faults.users)
        return await super().get(user_id)

    async def by_email(self, email: Email) -> User | None:
        _raise_if_set(self._faults.users)
        return await super().by_email(email)

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        _raise_if_set(self._faults.users)
        return await super().replace(old, new, effects)

    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        _raise_if_set(self._faults.users)
        return await super().delete(user_id, effects)

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        _raise_if_set(self._faults.users)
        return await super().page(query, after, limit)


class FaultyOutbox(MemoryOutbox):
    """Fails with the users: it is in their database."""

    def __init__(self, faults: Faults, tokens: MemoryOneTimeTokens) -> None:
        super().__init__(tokens)
        self._faults = faults

    async def add(self, effects: Effects) -> Stored[bool]:
        _raise_if_set(self._faults.users)
        return await super().add(effects)


class FaultySessions(MemorySessions):
    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        _raise_if_set(self._faults.sessions)
        return await super().add(session, activity, effects)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        _raise_if_set(self._faults.sessions)
        return await super().get(user_id, session_id)

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        _raise_if_set(self._faults.sessions)
        return await super().replace(old, new, effects)

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        _raise_if_set(self._faults.sessions)
        return await super().delete(user_id, session_id, effects)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        _raise_if_set(self._faults.sessions)
        return await super().of_user(user_id)

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        _raise_if_set(self._faults.sessions)
        await super().record_activity(user_id, session_id, activity)

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        _raise_if_set(self._faults.sessions)
        return await super().activity_of(user_id)
