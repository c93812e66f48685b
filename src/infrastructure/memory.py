"""Users and sessions in this process's memory: for unit tests and for trying things out.

Real adapters under the same contracts as the others. Everything is gone when the process ends, and
a second process sees nothing of it. Atomic because no method awaits anything.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter

from application.ports import RateLimiter, SessionStore, UserRepository
from domain.errors import EmailTaken
from domain.limit import Usage
from domain.session import Session, SessionId
from domain.user import Email, User, UserId
from infrastructure.feed import Follower, InvalidationFeed


class MemoryFeed(InvalidationFeed):
    """Direct: a change is told before the call that made it returns."""

    def __init__(self) -> None:
        self._followers: list[Follower] = []

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def is_live(self) -> bool:
        return True

    def tell(self, user_id: UserId) -> None:
        for follower in self._followers:
            follower(user_id)


class MemoryUsers(UserRepository):
    def __init__(self, feed: MemoryFeed | None = None) -> None:
        self._feed = feed or MemoryFeed()
        self._users: dict[UserId, User] = {}
        self._ids: dict[str, UserId] = {}  # by the canonical key of the address

    async def add(self, user: User) -> None:
        if user.email.key in self._ids:
            raise EmailTaken
        self._users[user.id] = user
        self._ids[user.email.key] = user.id

    async def get(self, user_id: UserId) -> User | None:
        return self._users.get(user_id)

    async def by_email(self, email: Email) -> User | None:
        user_id = self._ids.get(email.key)
        return self._users[user_id] if user_id else None

    async def replace(self, old: User, new: User) -> bool:
        stored = self._users.get(old.id)
        # Two spellings of one address are equal, and yet a change.
        if stored != old or stored.email.address != old.email.address:
            return False
        if self._ids.get(new.email.key, new.id) != new.id:
            raise EmailTaken
        del self._ids[old.email.key]
        self._ids[new.email.key] = new.id
        self._users[new.id] = new
        self._feed.tell(new.id)
        return True

    async def delete(self, user_id: UserId) -> None:
        if user := self._users.pop(user_id, None):
            del self._ids[user.email.key]
            self._feed.tell(user_id)


class MemoryRateLimiter(RateLimiter):
    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        usage = self._usage.get(key)
        if usage is None or usage.resets_at <= now:
            self._sweep(now)
            usage = Usage(0, now + window)
        self._usage[key] = Usage(usage.count + 1, usage.resets_at)
        return self._usage[key]

    async def forget(self, key: str) -> None:
        self._usage.pop(key, None)

    def _sweep(self, now: datetime) -> None:
        """Insertion is in the order of time, more or less, so the oldest windows come first."""
        for key in list(islice(self._usage, 100)):
            if self._usage[key].resets_at <= now:
                del self._usage[key]


class MemorySessions(SessionStore):
    def __init__(self, feed: MemoryFeed | None = None) -> None:
        self._feed = feed or MemoryFeed()
        self._sessions: dict[UserId, dict[SessionId, Session]] = {}

    async def add(self, session: Session) -> None:
        kept = self._sessions.setdefault(session.user_id, {})
        for old in list(kept.values()):
            if old.has_ended(session.started_at):
                del kept[old.id]
        kept[session.id] = session

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self._sessions.get(user_id, {}).get(session_id)

    async def replace(self, old: Session, new: Session) -> bool:
        if await self.get(old.user_id, old.id) != old:
            return False
        self._sessions[new.user_id][new.id] = new
        self._feed.tell(new.user_id)
        return True

    async def delete(self, user_id: UserId, session_id: SessionId) -> None:
        kept = self._sessions.get(user_id, {})
        kept.pop(session_id, None)
        if not kept:
            self._sessions.pop(user_id, None)
        self._feed.tell(user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return sorted(self._sessions.get(user_id, {}).values(), key=attrgetter("started_at"))
