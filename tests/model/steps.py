"""Stores that count their steps, so that a test can inject an event at a step."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from application.pagination import Page, Total, UserQuery
from application.ports import SessionStore, UserRepository
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.email import Email
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import User, UserId

_T = TypeVar("_T")


class Crash(Exception):
    """The process ends here, as far as the use case is concerned."""


async def crash() -> None:
    raise Crash


@dataclass(frozen=True)
class Effect:
    """The change that a step has made.

    :ivar what: ``added``, ``replaced``, ``renewed`` or ``deleted``.
    :ivar of: the id of the session; ``user`` if it was one of the users.
    :ivar new: the id of the session that took the place of a renewed one.
    """

    what: str
    of: str
    user_id: UserId
    new: str = ""


@dataclass
class Script:
    """
    :ivar effects: of the steps since the last :meth:`plan`, in their order.
    """

    effects: list[Effect] = field(default_factory=list)
    _event: Callable[[], Awaitable[object]] | None = None
    _countdown: int = -1
    _is_after: bool = False

    def plan(
        self, event: Callable[[], Awaitable[object]] | None, step: int, *, after: bool
    ) -> None:
        """The event happens before or after the step takes effect; 0 is the next step."""
        self.effects = []
        self._event, self._countdown, self._is_after = event, step, after

    async def take(self, step: Callable[[], Awaitable[_T]], effect: Effect | None = None) -> _T:
        event = self._event if self._countdown == 0 else None
        self._countdown -= 1
        if event and not self._is_after:
            await event()
        result = await step()
        if effect and not (isinstance(result, Stored) and not result.changed):
            self.effects.append(effect)
        if event and self._is_after:
            await event()
        return result


@dataclass
class ScriptedSessions(SessionStore):
    store: SessionStore
    script: Script

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        effect = Effect("added", session.id, session.user_id)
        return await self.script.take(lambda: self.store.add(session, activity, effects), effect)

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return await self.script.take(lambda: self.store.get(user_id, session_id))

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        what = "replaced" if new.id == old.id else "renewed"
        effect = Effect(what, old.id, old.user_id, new.id)
        return await self.script.take(lambda: self.store.replace(old, new, effects), effect)

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        effect = Effect("deleted", session_id, user_id)
        return await self.script.take(
            lambda: self.store.delete(user_id, session_id, effects), effect
        )

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return await self.script.take(lambda: self.store.of_user(user_id))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        await self.script.take(lambda: self.store.record_activity(user_id, session_id, activity))

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        return await self.script.take(lambda: self.store.activity_of(user_id))


@dataclass
class ScriptedUsers(UserRepository):
    store: UserRepository
    script: Script

    async def add(self, user: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return await self.script.take(
            lambda: self.store.add(user, effects), Effect("added", "user", user.id)
        )

    async def get(self, user_id: UserId) -> User | None:
        return await self.script.take(lambda: self.store.get(user_id))

    async def by_email(self, email: Email) -> User | None:
        return await self.script.take(lambda: self.store.by_email(email))

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        effect = Effect("replaced", "user", old.id)
        return await self.script.take(lambda: self.store.replace(old, new, effects), effect)

    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return await self.script.take(
            lambda: self.store.delete(user_id, effects), Effect("deleted", "user", user_id)
        )

    async def add_all(
        self, users: Sequence[User], effects: Effects = NO_EFFECTS
    ) -> Stored[Sequence[UserId]]:
        return await self.script.take(lambda: self.store.add_all(users, effects))

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        return await self.script.take(lambda: self.store.page(query, after, limit))

    async def count(self, query: UserQuery, exact_up_to: int = 1000) -> Total:
        return await self.script.take(lambda: self.store.count(query, exact_up_to))
