"""Users and sessions in this process's memory: for unit tests and for trying things out.

Real adapters under the same contracts as the others. Everything is gone when the process ends, and
a second process sees nothing of it. Atomic because no method awaits anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter, gt, itemgetter, lt
from uuid import UUID

from application.ports import AuditLog, RateLimiter, SessionStore, UserRepository
from application.ports.pagination import EventQuery, Page, Total, UserQuery
from domain.audit_event import Event, RecordedEvent, RequestContext
from domain.email import Email
from domain.errors import EmailTaken, LastAdministrator
from domain.rate_limit import Usage
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import User, UserId
from infrastructure.storage import page_cursor as cursor
from infrastructure.storage.near_cache.invalidation_feed import Follower, InvalidationFeed


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

    async def add(self, user: User, _event: Event | None = None) -> None:
        if user.email.key in self._ids:
            raise EmailTaken
        self._users[user.id] = user
        self._ids[user.email.key] = user.id

    async def add_all(
        self, users: Sequence[User], _event: Event | None = None
    ) -> Sequence[UserId]:
        added = []
        for user in users:
            if user.email.key not in self._ids and user.id not in self._users:
                await self.add(user)
                added.append(user.id)
        return added

    async def get(self, user_id: UserId) -> User | None:
        return self._users.get(user_id)

    async def by_email(self, email: Email) -> User | None:
        user_id = self._ids.get(email.key)
        return self._users[user_id] if user_id else None

    async def replace(self, old: User, new: User, _event: Event | None = None) -> bool:
        stored = self._users.get(old.id)
        # Two spellings of one address are equal, and yet a change.
        if stored != old or stored.email.address != old.email.address:
            return False
        if self._ids.get(new.email.key, new.id) != new.id:
            raise EmailTaken
        if not new.is_administrator:
            self._keep_an_administrator(old)
        del self._ids[old.email.key]
        self._ids[new.email.key] = new.id
        self._users[new.id] = new
        self._feed.tell(new.id)
        return True

    async def delete(self, user_id: UserId, _event: Event | None = None) -> None:
        if user := self._users.get(user_id):
            self._keep_an_administrator(user)
            del self._users[user_id]
            del self._ids[user.email.key]
            self._feed.tell(user_id)

    async def page(self, query: UserQuery, after: str | None, limit: int) -> Page[User]:
        found = sorted(
            ((_place(user, query), user) for user in self._matching(query)), key=itemgetter(0)
        )
        if query.order == "time":  # the newest first
            found.reverse()
        if after is not None:
            start = tuple(cursor.read(after, query.order, cursor.text, UUID))
            is_behind = lt if query.order == "time" else gt
            found = [each for each in found if is_behind(each[0], start)]
        following = None
        if len(found) > limit:
            following = cursor.write(query.order, *found[limit - 1][0])
        return Page([user for _, user in found[:limit]], following)

    async def count(self, query: UserQuery) -> Total:
        return Total(sum(1 for _ in self._matching(query)))

    def _matching(self, query: UserQuery) -> Iterable[User]:
        return (user for user in self._users.values() if _matches(user, query))

    def _keep_an_administrator(self, user: User) -> None:
        others = (each for each in self._users.values() if each.id != user.id)
        if user.is_administrator and not any(each.is_administrator for each in others):
            raise LastAdministrator


def _place(user: User, query: UserQuery) -> tuple[str, UUID]:
    """In the order of the list."""
    keys = {
        "time": user.created_at.isoformat(timespec="microseconds"),
        "email": user.email.key,
        "name": _lower(user.name),
    }
    return keys[query.order], user.id


def _matches(user: User, query: UserQuery) -> bool:
    return (
        (query.email is None or user.email.key.startswith(query.email))
        and (query.name is None or _lower(user.name).startswith(_lower(query.name)))
        and query.role in {None, user.role}
        and query.disabled in {None, user.disabled}
    )


def _lower(text: str) -> str:
    """Letter by letter: as a whole, a sigma at the end would be another one than within."""
    return "".join(letter.lower() for letter in text)


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
        self._activities: dict[SessionId, SessionActivity] = {}

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        _event: Event | None = None,
    ) -> None:
        kept = self._sessions.setdefault(session.user_id, {})
        for old in list(kept.values()):
            if old.has_ended(session.started_at):
                del kept[old.id]
                self._activities.pop(old.id, None)
        kept[session.id] = session
        if activity:
            self._activities[session.id] = activity

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self._sessions.get(user_id, {}).get(session_id)

    async def replace(self, old: Session, new: Session) -> bool:
        if await self.get(old.user_id, old.id) != old:
            return False
        self._sessions[new.user_id][new.id] = new
        self._feed.tell(new.user_id)
        return True

    async def delete(
        self, user_id: UserId, session_id: SessionId, _event: Event | None = None
    ) -> None:
        kept = self._sessions.get(user_id, {})
        if kept.pop(session_id, None):
            self._activities.pop(session_id, None)
        if not kept:
            self._sessions.pop(user_id, None)
        self._feed.tell(user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        return sorted(self._sessions.get(user_id, {}).values(), key=attrgetter("started_at"))

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        if await self.get(user_id, session_id):
            self._activities[session_id] = activity

    async def activity_of(self, user_id: UserId) -> Mapping[SessionId, SessionActivity]:
        mine = self._sessions.get(user_id, {})
        return {each: self._activities[each] for each in mine if each in self._activities}


class MemoryAuditLog(AuditLog):
    """
    :param most: how many events are kept; the oldest go.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._events: dict[str, RecordedEvent] = {}  # by id, in the order of their numbers
        self._last = 0

    async def record(self, event: Event) -> None:
        if event.id in self._events:
            return
        self._last += 1
        caller = RequestContext(event.caller.address, event.caller.request_id)
        self._events[event.id] = RecordedEvent(self._last, replace(event, caller=caller))
        if len(self._events) > self._most:
            del self._events[next(iter(self._events))]

    async def page(self, query: EventQuery, after: str | None, limit: int) -> Page[RecordedEvent]:
        below = self._last + 1
        if after is not None:
            [below] = cursor.read(after, "number", cursor.number)

        matching = (
            each
            for each in reversed(self._events.values())
            if each.number < below and _is_asked_for(each.event, query)
        )
        found = list(islice(matching, limit + 1))
        following = None
        if len(found) > limit:
            following = cursor.write("number", found[limit - 1].number)

        return Page(found[:limit], following)

    async def forget_addresses(self, user_id: UserId) -> None:
        for event_id, recorded in self._events.items():
            event = recorded.event.without_address_of(user_id)
            self._events[event_id] = replace(recorded, event=event)

    async def prune(self, before: datetime, event: Event | None = None) -> int:
        forgotten = 0
        for event_id, recorded in list(self._events.items()):
            if recorded.event.at >= before:
                break
            del self._events[event_id]
            forgotten += 1
        if forgotten and event:
            await self.record(event)
        return forgotten


def _is_asked_for(event: Event, query: EventQuery) -> bool:
    return (
        query.user_id in {None, event.user_id}
        and query.what in {None, event.what}
        and query.outcome in {None, event.outcome}
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
    )
