"""The contract of InvalidationFeed, on every registered backend that has one.

What is to be heard is done through another connection, as another process has one.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from application.ports import SessionStore, UserRepository
from domain.email import Email
from domain.session import Session
from domain.user import User, UserId
from infrastructure.storage.backends import BACKENDS, MEMORY, Backend
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.invalidation_feed import RedisFeed
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import PREFIX, RedisSessions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.invalidation_feed import PostgresFeed
from tests.conftest import schemes, url_for
from tests.contracts.conftest import until
from tests.support import servers
from tests.support.builders import a_session, ada, refreshed
from tests.support.doubles import Wire

_Connection = TypeVar("_Connection")
BOUND = timedelta(seconds=0.3)
LONG = timedelta(seconds=20)  # so that a busy machine is no outage
OPTIONS = StoreOptions(timeout=timedelta(seconds=0.5))


@dataclass
class Listener:
    """Follows a feed.

    :ivar told: what it was told, and whether the feed was live when it was.
    """

    feed: InvalidationFeed
    told: list[tuple[UserId | None, bool]] = field(default_factory=list)
    _is_asking: bool = False

    def __post_init__(self) -> None:
        self.feed.follow(self)

    def __call__(self, user_id: UserId | None) -> None:
        is_asked_now = self._is_asking  # by us: a feed may look for changes when it is asked
        self.told.append((user_id, not is_asked_now and self.is_live()))

    def is_live(self) -> bool:
        self._is_asking = True
        try:
            return self.feed.is_live()
        finally:
            self._is_asking = False

    @property
    def ids(self) -> set[UserId | None]:
        return {user_id for user_id, _ in self.told}

    def knows(self, user_id: UserId) -> bool:
        """Whether the feed is live and has told of the user."""
        return self.is_live() and bool(self.ids & {user_id, None})

    async def hears_of(self, user_id: UserId) -> None:
        await until(lambda: self.knows(user_id))


Record = User | Session
Stores = dict[type[Record], Any]
"""What one process sees of the users and of the sessions, if that backend keeps them."""


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
    assert await users.replace(user, replace(user, disabled=True))


async def delete_user(users: UserRepository, user: User) -> None:
    await users.delete(user.id)


async def delete_session(sessions: SessionStore, session: Session) -> None:
    await sessions.delete(session.user_id, session.id)


CHANGES: list[tuple[type[Record], Callable[[Any, Any], Awaitable[None]]]] = [
    (User, disable),
    (User, delete_user),
    (Session, delete_session),
]


@dataclass
class Place:
    """Where records are kept, seen by two processes.

    :ivar feed: of the one.
    :ivar other: the stores as the other sees them.
    :ivar settlers: of whom was told only to show that all before was.
    """

    scheme: str
    url: str
    feed: InvalidationFeed
    other: Stores
    settlers: set[UserId | None] = field(default_factory=set)

    async def add(self, kind: type[Record]) -> Record:
        record = a_session() if kind is Session else ada(email=an_email())
        await self.other[kind].add(record)
        return record

    async def get(self, record: Record) -> object:
        key = [record.id] if isinstance(record, User) else [record.user_id, record.id]
        return await self.other[type(record)].get(*key)

    async def changes(self) -> AsyncIterator[tuple[Record, Callable[[], Awaitable[None]]]]:
        """New records, and what may be done to them; what was before has been told."""
        for kind, change in CHANGES:
            if kind in self.other:
                record = await self.add(kind)
                await self.settle()
                yield record, lambda c=change, r=record: c(self.other[type(r)], r)  # type: ignore[misc]

    async def settle(self) -> None:
        """What has happened until now has been told: for what happened after it has been."""
        listener = Listener(self.feed)
        session = await self.add(Session)
        self.settlers.add(owner(session))
        await delete_session(self.other[Session], session)  # type: ignore[arg-type]
        await listener.hears_of(owner(session))


def an_email() -> Email:
    return Email.parse(f"{uuid4().hex}@example.org")


def open_feed(
    backend: Backend[_Connection], connection: _Connection, bound: timedelta
) -> AbstractAsyncContextManager[InvalidationFeed]:
    assert backend.feed
    return backend.feed(connection, bound)


@asynccontextmanager
async def connected(backend: Backend[Any], url: str, first: object = None) -> AsyncIterator[Any]:
    """
    :param first: a connection to that place; nobody can have another one to what is in memory.
    """
    if first and backend is MEMORY:
        yield first
    else:
        async with backend.connect(url, OPTIONS) as connection:
            yield connection


@asynccontextmanager
async def a_place(scheme: str, url: str) -> AsyncIterator[Place]:
    """With a feed that is live, whatever the machine does."""
    backend = BACKENDS[scheme]
    async with (
        connected(backend, url) as one,
        connected(backend, url, one) as other,
        open_feed(backend, one, LONG) as feed,
    ):
        await until(feed.is_live)
        yield Place(scheme, url, feed, stores_of(backend, other))


@pytest.fixture(params=schemes("feed"))
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with a_place(request.param, url_for(request.param, request)) as place:
        yield place


async def moments(seconds: float) -> AsyncIterator[None]:
    """Again and again, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.01)
        yield


@pytest.mark.parametrize("scheme", schemes("feed"))
async def test_it_becomes_live_and_stays_so(request: pytest.FixtureRequest, scheme: str) -> None:
    backend, url = BACKENDS[scheme], url_for(scheme, request)
    async with connected(backend, url) as one, open_feed(backend, one, BOUND) as feed:
        await until(feed.is_live)
        told = Listener(feed).told

        looks = [feed.is_live() async for _ in moments(2.7 * BOUND.total_seconds())]

        assert looks.count(True) > 0.9 * len(looks)  # all, but on a busy machine
        assert told == [] or False in looks


async def test_changes_are_told_to_every_follower(place: Place) -> None:
    async for record, change in place.changes():
        followers = [Listener(place.feed) for _ in range(3)]

        await change()

        for follower in followers:
            await follower.hears_of(owner(record))


async def test_a_change_is_told_after_it_was_made(place: Place) -> None:
    """Who reads again when they are told reads what is new."""
    reads: list[asyncio.Task[object]] = []
    for _ in range(10):
        async for record, change in place.changes():
            reads.clear()

            def read(_: object, record: Record = record) -> None:
                reads.append(asyncio.create_task(place.get(record)))

            place.feed.follow(read)
            listener = Listener(place.feed)

            await change()
            await listener.hears_of(owner(record))

            assert reads
            assert record not in await asyncio.gather(*reads)


async def test_a_change_is_told_of_no_other_user(place: Place) -> None:
    people = [await place.add(kind) for kind in place.other]
    await place.settle()
    listener = Listener(place.feed)

    async for record, change in place.changes():
        await change()
        await listener.hears_of(owner(record))

    assert not listener.ids & {owner(record) for record in people}
    if place.scheme != "sqlite":  # which tells only that there was something
        assert None not in listener.ids


async def test_a_rotation_is_told_of_its_user_or_not_at_all(place: Place) -> None:
    session = await place.add(Session)
    assert isinstance(session, Session)
    await place.settle()
    listener = Listener(place.feed)

    assert await place.other[Session].replace(session, refreshed(session))

    await place.settle()
    told = listener.ids - place.settlers
    assert told <= {session.user_id, *[None] * (place.scheme == "sqlite")}


# What somebody changes by hand


POSTGRES = [
    "UPDATE users SET disabled = true WHERE id = $1",
    "UPDATE users SET name = 'Countess'",
    "DELETE FROM users WHERE id = $1",
    "DELETE FROM users",
    "TRUNCATE users",
    "TRUNCATE users, sessions, rate_limits",
    "DELETE FROM sessions WHERE user_id = $1",
    "DELETE FROM sessions WHERE expires_at > now()",
    "TRUNCATE sessions",
]
SQLITE = [
    "UPDATE users SET disabled = true WHERE id = ?",
    "UPDATE users SET name = 'Countess'",
    "DELETE FROM users WHERE id = ?",
    "DELETE FROM users",
    "DELETE FROM sessions WHERE user_id = ?",
    "DELETE FROM sessions",
    "UPDATE sessions SET expires_at = started_at",
]
REDIS = [
    "HDEL {key} {id}",
    "DEL {key}",
    "UNLINK {key}",
    "HSET {key} {id} x",
    "PEXPIRE {key} 1",
]


async def by_postgres(url: str, statement: str, user_id: UserId | None = None) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *[user_id] * ("$1" in statement))
    finally:
        await connection.close()


async def by_sqlite(url: str, statement: str, user_id: UserId) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(statement, [user_id.hex] * ("?" in statement))
        connection.commit()


async def by_redis(url: str, command: str) -> None:
    async with Redis.from_url(url) as redis:
        await redis.execute_command(*command.split())  # type: ignore[no-untyped-call]


async def assert_told(
    place: Place, statement: str, run: Callable[[str, str, UserId], Awaitable[None]]
) -> None:
    kind = User if "users" in statement else Session
    people = [await place.add(kind) for _ in range(2)]
    await place.settle()
    listener = Listener(place.feed)

    session_id = people[0].id
    key = f"{PREFIX}{{{owner(people[0]).hex}}}"
    await run(place.url, statement.format(key=key, id=session_id), owner(people[0]))
    await place.settle()

    concerned = people[:1] if {"?", "$1", "{key}"} & set(statement.split()) else people
    for each in concerned:
        assert listener.knows(owner(each)), statement


async def test_what_is_changed_by_hand_in_postgres_is_told(postgres_url: str) -> None:
    async with a_place("postgresql", postgres_url) as place:
        for statement in POSTGRES:
            await assert_told(place, statement, by_postgres)


async def test_sessions_that_are_ended_by_an_update_in_postgres_are_told(
    postgres_url: str,
) -> None:
    async with a_place("postgresql", postgres_url) as place:
        await assert_told(place, "UPDATE sessions SET expires_at = now()", by_postgres)


async def test_what_is_rolled_back_in_postgres_is_not_told(postgres_url: str) -> None:
    async with a_place("postgresql", postgres_url) as place:
        await place.add(User)
        await place.settle()
        listener = Listener(place.feed)

        await by_postgres(postgres_url, "BEGIN; DELETE FROM users; ROLLBACK")

        await place.settle()
        assert listener.ids <= place.settlers


async def test_what_is_changed_by_hand_in_sqlite_is_told(sqlite_url: str) -> None:
    async with a_place("sqlite", sqlite_url) as place:
        for statement in SQLITE:
            await assert_told(place, statement, by_sqlite)


async def test_what_is_changed_by_hand_in_redis_is_told(redis_url: str) -> None:
    async with a_place("redis", redis_url) as place:
        for statement in REDIS:
            await assert_told(place, statement, lambda url, command, _: by_redis(url, command))


@pytest.fixture
def our_own_redis() -> Iterator[servers.Server]:
    """The one of all tests may be somebody's, and is not to be emptied."""
    with servers.redis_server(sources=servers.OURS) as server:
        yield server


async def test_a_redis_that_is_emptied_tells_so(our_own_redis: servers.Server) -> None:
    async with a_place("redis", our_own_redis.url) as place:
        for command in ("FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC"):
            await place.add(Session)
            await place.settle()
            listener = Listener(place.feed)

            await by_redis(our_own_redis.url, command)

            await until(lambda listener=listener: None in listener.ids)  # type: ignore[misc]
            assert listener.is_live()


# Lines that break


@dataclass
class Remote:
    """A feed behind a line that breaks; what is done elsewhere does not go over that line."""

    wire: Wire
    place: Place
    listener: Listener

    @property
    def is_live(self) -> bool:
        return self.listener.is_live()

    async def change(self) -> UserId:
        """Somebody's session is ended elsewhere."""
        session = await self.place.add(Session)
        await delete_session(self.place.other[Session], session)  # type: ignore[arg-type]
        return owner(session)

    async def hears(self) -> None:
        """It is live, and what is changed is told."""
        await until(lambda: self.is_live)
        self.listener.told.clear()
        await self.listener.hears_of(await self.change())


@asynccontextmanager
async def behind(wire: Wire, scheme: str) -> AsyncIterator[Remote]:
    backend = BACKENDS[scheme]
    async with (
        backend.connect(wire.server_url, OPTIONS) as other,
        backend.connect(wire.url, OPTIONS) as connection,
        open_feed(backend, connection, BOUND) as feed,
    ):
        place = Place(scheme, wire.server_url, feed, stores_of(backend, other))
        yield Remote(wire, place, Listener(feed))


@pytest.fixture(params=schemes("feed", networked=True))
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    async with Wire(url_for(request.param, request)) as wire:
        yield wire


@pytest.fixture
def scheme(wire: Wire) -> str:
    return wire.server_url.partition(":")[0]


@pytest.fixture
async def remote(wire: Wire, scheme: str) -> AsyncIterator[Remote]:
    async with behind(wire, scheme) as remote:
        await remote.hears()
        yield remote


async def test_a_cut_is_noticed_told_and_mended(remote: Remote) -> None:
    remote.listener.told.clear()

    await remote.wire.cut()
    await until(lambda: not remote.is_live)
    await until(lambda: remote.listener.told)
    assert (None, False) in remote.listener.told

    await remote.change()  # nobody hears that
    assert not remote.is_live
    remote.listener.told.clear()
    await remote.wire.mend()
    await until(lambda: remote.is_live)
    assert remote.listener.told[0] == (None, False)  # before it was live
    await remote.hears()


async def test_a_cut_that_nobody_had_time_to_notice_is_told(remote: Remote) -> None:
    remote.listener.told.clear()

    await remote.wire.cut()
    user_id = await remote.change()
    await remote.wire.mend()

    await remote.listener.hears_of(user_id)
    await remote.hears()


async def test_silence_is_no_life(remote: Remote) -> None:
    """At most the bound after the last question that was answered, though nobody says anything."""
    for _ in range(2):
        await remote.hears()
        remote.wire.hang()
        end = time.monotonic() + BOUND.total_seconds()
        user_id = await remote.change()

        await asyncio.sleep(end - time.monotonic())
        assert not remote.is_live

        remote.listener.told.clear()
        await asyncio.sleep(2 * BOUND.total_seconds() * random.random())
        assert not remote.is_live
        await remote.wire.cut()
        await remote.wire.mend()
        await remote.listener.hears_of(user_id)


async def test_what_was_said_in_a_silence_is_told_before_it_is_live(remote: Remote) -> None:
    """However long the silence: the line holds, or it is made anew."""
    for silence in (0.1, 0.5, 0.9, 1.1, 1.5, 2.5):
        await remote.hears()
        remote.listener.told.clear()
        remote.wire.hang()
        end = time.monotonic() + silence * BOUND.total_seconds()
        user_id = await remote.change()
        await asyncio.sleep(end - time.monotonic())
        was_live = remote.is_live
        assert not was_live or silence < 1

        remote.wire.speak()

        if not was_live:
            await until(lambda: remote.is_live)
            assert remote.listener.knows(user_id)
        await remote.listener.hears_of(user_id)


async def test_a_feed_that_opens_before_its_server_is_there(wire: Wire, scheme: str) -> None:
    await wire.cut()
    async with behind(wire, scheme) as remote:
        await asyncio.sleep(BOUND.total_seconds() / 2)
        assert not remote.is_live

        await wire.mend()

        await remote.hears()


async def test_a_feed_that_opens_to_a_silent_server(wire: Wire, scheme: str) -> None:
    wire.hang()
    async with behind(wire, scheme) as remote:
        await asyncio.sleep(BOUND.total_seconds() / 2)
        assert not remote.is_live
        wire.speak()
        await remote.hears()

        await wire.cut()
        wire.hang()
        await wire.mend()
        wire.hang()
        await asyncio.sleep(2 * BOUND.total_seconds() + OPTIONS.timeout.total_seconds())
        assert not remote.is_live
        wire.speak()
        await remote.hears()


async def test_it_heals_whatever_happened(remote: Remote, scheme: str) -> None:
    dice = random.Random(scheme)
    for _ in range(4):
        for _ in range(4):
            happening = dice.choice(["cut", "hang", "speak"])
            if happening == "cut":
                await remote.wire.cut()
            elif happening == "hang":
                remote.wire.hang()
            else:
                remote.wire.speak()
            await asyncio.sleep(dice.random() * BOUND.total_seconds() / 2)
            if happening == "cut":
                await remote.wire.mend()
        remote.wire.speak()
        await remote.hears()


async def test_a_connection_that_the_server_ends_is_made_again(
    remote: Remote, scheme: str
) -> None:
    remote.listener.told.clear()
    if scheme == "redis":
        await by_redis(remote.wire.server_url, "CLIENT KILL TYPE normal")
    else:
        await by_postgres(
            remote.wire.server_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()",
        )

    await until(lambda: None in remote.listener.ids)
    await remote.hears()


MOMENTS = ["live", "not connected yet", "cut", "silent", "silent for long"]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_closing_leaves_nothing_behind(wire: Wire, scheme: str, moment: str) -> None:
    backend = BACKENDS[scheme]
    async with backend.connect(wire.url, OPTIONS) as connection:
        tasks = asyncio.all_tasks()
        async with open_feed(backend, connection, BOUND) as feed:
            if moment != "not connected yet":
                await until(feed.is_live)
            if moment == "cut":
                await wire.cut()
            elif moment.startswith("silent"):
                wire.hang()
                long = "long" in moment
                await asyncio.sleep(BOUND.total_seconds() * (1.6 if long else 0.3))
            begin = time.monotonic()
        assert time.monotonic() - begin < 1.0
        assert not feed.is_live()
        wire.speak()
        await until(lambda: not wire.is_in_use)
        await until(lambda: asyncio.all_tasks() <= tasks | wire._calls)
        told = Listener(feed).told
        await asyncio.sleep(BOUND.total_seconds())
        assert not feed.is_live()
        assert told == []


@pytest.mark.parametrize("scheme", schemes("feed", networked=True))
async def test_it_can_be_closed_at_any_moment(request: pytest.FixtureRequest, scheme: str) -> None:
    """Also while it asks, though asyncio.wait_for() can lose a cancellation then (gh-86296)."""
    dice = random.Random(scheme)
    backend, often = BACKENDS[scheme], timedelta(milliseconds=2)
    async with backend.connect(url_for(scheme, request), OPTIONS) as connection:
        tasks = asyncio.all_tasks()
        try:
            for _ in range(15):
                async with asyncio.timeout(2), open_feed(backend, connection, often):
                    await asyncio.sleep(dice.random() * 0.02)
        finally:
            for task in asyncio.all_tasks() - tasks:
                for _ in range(100):
                    task.cancel()
                    await asyncio.sleep(0)


async def test_a_pool_that_listens_for_nobody_makes_the_feed_never_live(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer, say: each statement goes to some server process, and LISTEN is in vain."""

    async def in_vain(*_: object) -> None:
        pass

    monkeypatch.setattr(asyncpg.Connection, "add_listener", in_vain)
    async with (
        Database.open(postgres_url, OPTIONS) as database,
        PostgresFeed(database, BOUND) as feed,
    ):
        listener = Listener(feed)
        begins: list[float] = []
        feed.follow(lambda _: begins.append(time.monotonic()))
        async for _ in moments(5 * BOUND.total_seconds()):
            assert not listener.is_live()
        assert len(begins) > 2


async def test_what_is_answered_late_was_asked_early(wire: Wire, scheme: str) -> None:
    """Each answer comes, but is older than the bound when it does."""
    backend, patient = BACKENDS[scheme], StoreOptions(timeout=timedelta(seconds=10))
    async with (
        backend.connect(wire.url, patient) as connection,
        open_feed(backend, connection, BOUND) as feed,
    ):
        await until(feed.is_live)
        wire.lag = 1.5 * BOUND.total_seconds()
        await until(lambda: not feed.is_live())
        async for _ in moments(6 * BOUND.total_seconds()):
            assert not feed.is_live()


async def test_a_server_that_is_no_primary_any_more_is_not_believed(
    our_own_redis: servers.Server,
) -> None:
    async with (
        RedisServer.open(our_own_redis.url, OPTIONS) as server,
        RedisFeed.open(server, BOUND) as feed,
    ):
        sessions = RedisSessions(server)
        await sessions.of_user(ada().id)
        await until(feed.is_live)
        link = server._line._link
        await by_redis(our_own_redis.url, "REPLICAOF 127.0.0.1 1")
        try:
            await until(lambda: not feed.is_live())
            # What is read is as old: that is asked of whoever the name stands for now, as well.
            assert server._line._link is not link
            async for _ in moments(3 * BOUND.total_seconds()):
                assert not feed.is_live()
        finally:
            await by_redis(our_own_redis.url, "REPLICAOF NO ONE")
        await until(feed.is_live)
