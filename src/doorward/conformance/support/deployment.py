"""A store that two processes use, and a subscriber of its invalidation feed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from application.ports import SessionStore, UserRepository
from domain.email import Email
from domain.session import Session
from domain.user import User, UserId
from doorward.conformance.support.examples import a_session, a_user
from doorward.conformance.support.opening import PATIENT, until
from infrastructure.storage.backends import Backend
from infrastructure.storage.memory.backend import BACKEND as MEMORY
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed

_Connection = TypeVar("_Connection")

LONG = timedelta(seconds=20)
"""The bound of a feed that stays live on a busy machine."""


@dataclass
class Subscription:
    """Subscribes to a feed.

    :ivar received: the ids that it received, and whether the feed was live at that time.
    """

    feed: InvalidationFeed
    received: list[tuple[UserId | None, bool]] = field(default_factory=list)
    _is_polling: bool = False

    def __post_init__(self) -> None:
        self.feed.subscribe(self)

    def __call__(self, user_id: UserId | None) -> None:
        is_polled_now = self._is_polling  # a feed may look for changes when it is polled
        self.received.append((user_id, not is_polled_now and self.is_live()))

    def is_live(self) -> bool:
        self._is_polling = True
        try:
            return self.feed.is_live()
        finally:
            self._is_polling = False

    @property
    def ids(self) -> set[UserId | None]:
        return {user_id for user_id, _ in self.received}

    def knows(self, user_id: UserId) -> bool:
        """Whether the feed is live and has reported the user."""
        return self.is_live() and bool(self.ids & {user_id, None})

    async def receives(self, user_id: UserId) -> None:
        await until(lambda: self.knows(user_id))


Record = User | Session
Stores = dict[type[Record], Any]
"""The stores of one process, as far as the backend has them."""


def stores_of(backend: Backend[_Connection], connection: _Connection) -> Stores:
    stores: Stores = {}
    if backend.users:
        stores[User] = backend.users(connection)
    if backend.sessions:
        stores[Session] = backend.sessions(connection)
    return stores


def owner(record: Record) -> UserId:
    return record.id if isinstance(record, User) else record.user_id


async def disable(users: UserRepository, user: User) -> None:
    assert (await users.replace(user, replace(user, disabled=True))).changed


async def delete_user(users: UserRepository, user: User) -> None:
    await users.delete(user.id)


async def renew_session(sessions: SessionStore, session: Session) -> None:
    """Replace the session by one with another id, as a step-up does."""
    assert (await sessions.replace(session, replace(session, id=a_session().id))).changed


async def change_generation(sessions: SessionStore, session: Session) -> None:
    changed = replace(session, generation=session.generation + 1)
    assert (await sessions.replace(session, changed)).changed


async def delete_session(sessions: SessionStore, session: Session) -> None:
    await sessions.delete(session.user_id, session.id)


CHANGES: list[tuple[type[Record], Callable[[Any, Any], Awaitable[None]]]] = [
    (User, disable),
    (User, delete_user),
    (Session, renew_session),
    (Session, change_generation),
    (Session, delete_session),
]


@dataclass
class Deployment:
    """A store that two processes use.

    :ivar feed: of the first process.
    :ivar other: the stores of the second process.
    :ivar markers: users that were changed only to mark the end of the reports before.
    """

    url: str
    feed: InvalidationFeed
    other: Stores
    markers: set[UserId | None] = field(default_factory=set)

    async def add(self, kind: type[Record]) -> Record:
        record = a_session() if kind is Session else a_user(email=_an_email())
        await self.other[kind].add(record)
        return record

    async def get(self, record: Record) -> object:
        key = [record.id] if isinstance(record, User) else [record.user_id, record.id]
        return await self.other[type(record)].get(*key)

    async def changes(self) -> AsyncIterator[tuple[Record, Callable[[], Awaitable[None]]]]:
        """Yield new records, and a change of each. Everything before has been reported."""
        for kind, change in CHANGES:
            if kind in self.other:
                record = await self.add(kind)
                await self.settle()
                yield record, partial(change, self.other[kind], record)

    async def make_change(self) -> UserId:
        """Add a record and delete it: a session, or a user where no sessions are stored."""
        kind, change = [each for each in CHANGES if each[0] in self.other][-1]
        record = await self.add(kind)
        await change(self.other[kind], record)
        return owner(record)

    async def settle(self) -> None:
        """Wait until all changes until now are reported: a later one has been."""
        subscription = Subscription(self.feed)
        user_id = await self.make_change()
        self.markers.add(user_id)
        await subscription.receives(user_id)


def _an_email() -> Email:
    return Email.parse(f"{uuid4().hex}@example.org")


def open_feed(
    backend: Backend[_Connection], connection: _Connection, bound: timedelta
) -> AbstractAsyncContextManager[InvalidationFeed]:
    assert backend.feed
    return backend.feed(connection, bound)


@asynccontextmanager
async def open_deployment(backend: Backend[Any], url: str) -> AsyncIterator[Deployment]:
    """Open it with a feed that is live, and stays live on a busy machine."""
    async with (
        backend.connect(url, PATIENT) as one,
        _second_connection(backend, url, one) as other,
        open_feed(backend, one, LONG) as feed,
    ):
        await until(feed.is_live)
        yield Deployment(url, feed, stores_of(backend, other))


@asynccontextmanager
async def _second_connection(backend: Backend[Any], url: str, first: Any) -> AsyncIterator[Any]:
    """Connect as another process does; the memory of this process has one connection only."""
    if backend is MEMORY:
        yield first
    else:
        async with backend.connect(url, PATIENT) as connection:
            yield connection
