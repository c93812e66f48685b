"""Sessions in this process's memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter

from typing_extensions import override

from application.ports import CHANGED, NO_EFFECTS, UNCHANGED, Effects, SessionStore, Stored
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.memory.invalidation_feed import MemoryFeed


class MemorySessions(SessionStore):
    def __init__(self, feed: MemoryFeed | None = None) -> None:
        self._feed = feed or MemoryFeed()
        self._sessions: dict[UserId, dict[SessionId, Session]] = {}
        self._activities: dict[SessionId, SessionActivity] = {}

    @override
    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        sessions = self._sessions.setdefault(session.user_id, {})
        for old in list(sessions.values()):
            if old.has_ended(session.started_at):
                del sessions[old.id]
                self._activities.pop(old.id, None)
        sessions[session.id] = session
        if activity:
            self._activities[session.id] = activity
        return CHANGED

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self._sessions.get(user_id, {}).get(session_id)

    @override
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        if await self.get(old.user_id, old.id) != old:
            return UNCHANGED
        sessions = self._sessions[old.user_id]
        del sessions[old.id]
        sessions[new.id] = new
        if old.id in self._activities:
            self._activities[new.id] = self._activities.pop(old.id)
        self._feed.publish(new.user_id)
        return CHANGED

    @override
    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        sessions = self._sessions.get(user_id, {})
        deleted = sessions.pop(session_id, None)
        if deleted:
            self._activities.pop(session_id, None)
        if not sessions:
            self._sessions.pop(user_id, None)
        self._feed.publish(user_id)
        return Stored(deleted is not None)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return sorted(self._sessions.get(user_id, {}).values(), key=attrgetter("started_at"))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        if await self.get(user_id, session_id):
            self._activities[session_id] = activity

    @override
    async def delete_expired(self, before: datetime, limit: int) -> int:
        all_sessions = (each for some in self._sessions.values() for each in some.values())
        expired = list(islice((each for each in all_sessions if each.has_ended(before)), limit))
        for session in expired:
            await self.delete(session.user_id, session.id)
        return len(expired)

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        sessions = self._sessions.get(user_id, {})
        return {each: self._activities[each] for each in sessions if each in self._activities}

    @override
    async def count(self, now: datetime) -> int | None:
        all_sessions = (each for some in self._sessions.values() for each in some.values())
        return sum(1 for each in all_sessions if not each.has_ended(now))
