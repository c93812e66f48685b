"""The near cache: hits, invalidations and capacity."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from typing_extensions import override

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.email import Email
from domain.errors import Unavailable
from domain.session import Session, SessionId
from domain.user import User, UserId
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import open_stores
from tests.support.builders import (
    MICROSECOND,
    NOW,
    a_session,
    a_user,
    refreshed,
)
from tests.support.doubles import ManualFeed, SettableClock

MAX_USERS = 3


_T = TypeVar("_T")


@dataclass
class Counter:
    """
    :ivar reads: reads of the store.
    :ivar is_delayed: whether a read waits for :attr:`may_arrive`.
    :ivar loses_answers: whether each change is made and its acknowledgement lost.
    """

    reads: int = 0
    is_delayed: bool = False
    loses_answers: bool = False
    may_arrive: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, read: Awaitable[_T]) -> _T:
        self.reads += 1
        found = await read
        if self.is_delayed:
            await self.may_arrive.wait()
        return found

    async def change(self, change: Awaitable[_T]) -> _T:
        result = await change
        if self.loses_answers:
            raise Unavailable("store")
        return result


class CountedUsers(MemoryUsers):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    async def get(self, user_id: UserId) -> User | None:
        return await self.counter.read(super().get(user_id))

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return await self.counter.change(super().replace(old, new, effects))

    async def delete(self, user_id: UserId, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        return await self.counter.change(super().delete(user_id, effects))


class CountedSessions(MemorySessions):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        found = super().get(user_id, session_id)
        return await self.counter.read(found)

    @override
    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        is_stored = self._sessions[old.user_id].get(old.id) == old
        if is_stored:  # without telling the feed
            self._sessions[old.user_id][old.id] = new
        return await self.counter.change(_returned(Stored(is_stored)))

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        return await self.counter.change(super().delete(user_id, session_id, effects))


async def _returned(result: _T) -> _T:
    return result


@dataclass
class Subject:
    """A store and a cache in front of it, of users or of sessions.

    :ivar cache: the decorated store.
    :ivar store: the store itself, which other processes change.
    :ivar a_record: makes a new record.
    :ivar updated: makes the record after a change.
    """

    feed: ManualFeed
    counter: Counter
    cache: Any
    store: Any
    a_record: Callable[[], Any]
    updated: Callable[[Any], Any]

    async def add(self) -> Any:
        record = self.a_record()
        await self.cache.add(record)
        return record

    async def possibly_stale(self, record: Any) -> Any:
        return await self.cache.possibly_stale(*key(record))

    def cached(self, record: Any) -> Any:
        return self.cache.cached(*key(record))

    async def is_answered_from_the_cache(self, record: Any) -> bool:
        """Whether the read finds the record without a store."""
        before = self.counter.reads
        assert await self.possibly_stale(record) == record
        return self.counter.reads == before


def key(record: Any) -> tuple[Any, ...]:
    return (record.id,) if isinstance(record, User) else (record.user_id, record.id)


def owner(record: Any) -> UserId:
    return UserId(key(record)[0])


def of_users() -> Subject:
    feed, counter = ManualFeed(), Counter()
    store = CountedUsers(counter)
    return Subject(
        feed,
        counter,
        NearCacheUsers(store, feed, MAX_USERS),
        store,
        lambda: a_user(email=Email.parse(f"{uuid4().hex}@example.org")),
        lambda user: replace(user, disabled=True),
    )


def of_sessions(clock: Callable[[], datetime] = lambda: NOW) -> Subject:
    feed, counter = ManualFeed(), Counter()
    store = CountedSessions(counter)
    cache = NearCacheSessions(store, feed, MAX_USERS, clock)
    return Subject(feed, counter, cache, store, a_session, refreshed)


@pytest.fixture(params=[of_users, of_sessions], ids=["users", "sessions"])
def subject(request: pytest.FixtureRequest) -> Subject:
    made: Subject = request.param()
    return made


async def test_the_second_read_is_answered_from_the_cache(subject: Subject) -> None:
    record = await subject.add()
    assert subject.cached(record) is None
    assert not await subject.is_answered_from_the_cache(record)

    assert await subject.is_answered_from_the_cache(record)
    assert subject.cached(record) == record
    assert subject.counter.reads == 1


async def test_get_always_reads_from_the_store(subject: Subject) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)

    for reads in (2, 3):
        assert await subject.cache.get(*key(record)) == record
        assert subject.counter.reads == reads


async def test_without_a_live_feed_each_read_goes_to_the_store(subject: Subject) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)

    subject.feed.live = False
    assert not await subject.is_answered_from_the_cache(record)
    assert not await subject.is_answered_from_the_cache(record)
    assert subject.cached(record) is None


async def test_an_invalidated_record_is_read_again(subject: Subject) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)
    new = subject.updated(record)

    await subject.store.replace(record, new)
    assert await subject.possibly_stale(record) == record  # not reported yet
    subject.feed.publish(owner(record))

    assert subject.cached(record) is None
    assert await subject.possibly_stale(record) == new
    assert await subject.is_answered_from_the_cache(new)


async def test_a_record_that_the_store_has_no_more_leaves_the_cache(subject: Subject) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)
    await subject.store.delete(*key(record))
    assert subject.cached(record) == record  # not reported yet

    assert await subject.cache.get(*key(record)) is None

    assert subject.cached(record) is None


async def test_an_invalidation_leaves_the_records_of_other_users(subject: Subject) -> None:
    one, other = await subject.add(), await subject.add()
    await subject.possibly_stale(one)
    await subject.possibly_stale(other)

    subject.feed.publish(owner(one))

    assert await subject.is_answered_from_the_cache(other)
    assert not await subject.is_answered_from_the_cache(one)


async def test_an_invalidation_of_any_user_empties_the_cache(subject: Subject) -> None:
    records = [await subject.add() for _ in range(MAX_USERS)]
    for record in records:
        await subject.possibly_stale(record)

    subject.feed.publish(None)

    assert not any([await subject.is_answered_from_the_cache(record) for record in records])


@pytest.mark.parametrize("is_known", [True, False], ids=["of the user", "of any user"])
async def test_an_invalidation_during_a_read_caches_nothing(
    subject: Subject, is_known: bool
) -> None:
    record = await subject.add()
    subject.counter.is_delayed = True
    reading = asyncio.create_task(subject.possibly_stale(record))
    await asyncio.sleep(0)  # the old record is on its way

    new = subject.updated(record)
    await subject.store.replace(record, new)
    subject.feed.publish(owner(record) if is_known else None)
    subject.counter.may_arrive.set()

    assert await reading == record
    assert subject.cached(record) is None
    assert await subject.possibly_stale(record) == new


async def test_a_late_read_does_not_bring_back_an_old_record(subject: Subject) -> None:
    record = await subject.add()
    subject.counter.is_delayed = True
    late = asyncio.create_task(subject.possibly_stale(record))
    await asyncio.sleep(0)
    new = subject.updated(record)
    await subject.store.replace(record, new)
    subject.feed.publish(owner(record))
    subject.counter.is_delayed = False
    assert await subject.possibly_stale(record) == new

    subject.counter.may_arrive.set()

    assert await late == record
    assert await subject.possibly_stale(record) == new
    assert await subject.is_answered_from_the_cache(new)


async def test_a_record_that_was_cached_while_the_feed_was_down_is_not_used_later(
    subject: Subject,
) -> None:
    record = await subject.add()
    subject.feed.live = False
    await subject.possibly_stale(record)
    new = subject.updated(record)
    await subject.store.replace(record, new)  # never reported

    subject.feed.publish(None)  # as a feed does before it is live again
    subject.feed.live = True

    assert await subject.possibly_stale(record) == new


LOST = [False, True]
LOST_IDS = ["acknowledged", "not acknowledged"]


@pytest.mark.parametrize("is_lost", LOST, ids=LOST_IDS)
async def test_a_replacement_through_the_cache_is_visible_at_once(
    subject: Subject, is_lost: bool
) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)
    new = subject.updated(record)

    subject.counter.loses_answers = is_lost
    with pytest.raises(Unavailable) if is_lost else nullcontext():
        assert (await subject.cache.replace(record, new)).changed

    assert subject.cached(record) is None
    assert await subject.possibly_stale(record) == new


@pytest.mark.parametrize("is_lost", LOST, ids=LOST_IDS)
async def test_a_deletion_through_the_cache_is_visible_at_once(
    subject: Subject, is_lost: bool
) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)

    subject.counter.loses_answers = is_lost
    with pytest.raises(Unavailable) if is_lost else nullcontext():
        await subject.cache.delete(*key(record))

    assert subject.cached(record) is None
    assert await subject.possibly_stale(record) is None


async def test_a_deletion_during_a_read_caches_nothing(subject: Subject) -> None:
    record = await subject.add()
    subject.counter.is_delayed = True
    reading = asyncio.create_task(subject.possibly_stale(record))
    await asyncio.sleep(0)

    await subject.cache.delete(*key(record))
    subject.counter.may_arrive.set()

    assert await reading == record
    assert await subject.possibly_stale(record) is None


async def test_a_cancelled_deletion_is_visible(subject: Subject) -> None:
    record = await subject.add()
    await subject.possibly_stale(record)
    began, hold = asyncio.Event(), asyncio.Event()

    async def change_and_wait(change: Awaitable[_T]) -> _T:
        result = await change
        began.set()
        await hold.wait()
        return result

    subject.counter.change = change_and_wait  # type: ignore[method-assign]
    deleting = asyncio.create_task(subject.cache.delete(*key(record)))
    await began.wait()
    deleting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deleting

    assert await subject.possibly_stale(record) is None


async def test_a_missing_record_is_not_cached(subject: Subject) -> None:
    record = subject.a_record()
    assert await subject.possibly_stale(record) is None
    assert subject.cached(record) is None

    await subject.store.add(record)

    assert await subject.possibly_stale(record) == record


async def test_a_failed_read_caches_nothing(subject: Subject) -> None:
    record = await subject.add()

    async def fail(read: Any) -> None:
        read.close()
        raise Unavailable("store")

    read = subject.counter.read
    subject.counter.read = fail  # type: ignore[assignment, method-assign]
    with pytest.raises(Unavailable):
        await subject.possibly_stale(record)
    subject.counter.read = read  # type: ignore[method-assign]

    assert not await subject.is_answered_from_the_cache(record)
    assert await subject.is_answered_from_the_cache(record)


async def test_the_first_user_is_evicted_first(subject: Subject) -> None:
    records = [await subject.add() for _ in range(MAX_USERS + 1)]
    for record in records:
        await subject.possibly_stale(record)

    cached = [subject.cached(record) is not None for record in records]
    assert cached == [False] + [True] * MAX_USERS
    assert not await subject.is_answered_from_the_cache(records[0])
    assert subject.cached(records[1]) is None


async def test_missing_users_take_no_more_room_than_others(subject: Subject) -> None:
    for _ in range(50):
        await subject.possibly_stale(subject.a_record())

    assert len(subject.cache._cache._partitions) <= MAX_USERS


@pytest.mark.slow
async def test_memory_is_bounded_for_any_number_of_users() -> None:
    feed = ManualFeed()
    cache = NearCacheUsers(MemoryUsers(), feed, 100)
    asked = NearCacheSessions(MemorySessions(), feed, 100, lambda: NOW)

    async def many_users(number: int) -> None:
        for _ in range(number):
            user = a_user(email=Email.parse(f"{uuid4().hex}@example.org"))
            session = a_session(user_id=user.id)
            await cache.add(user)
            await asked.add(session)
            assert await cache.possibly_stale(user.id) is not None
            assert await asked.possibly_stale(user.id, session.id) is not None
            await cache._users.delete(user.id)
            await asked._sessions.delete(user.id, session.id)

    await many_users(200)
    gc.collect()
    tracemalloc.start()
    try:
        await many_users(1500)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 400_000  # 100 users and sessions; all of them would be ten times as much


async def test_all_cached_sessions_of_a_user_are_invalidated_together() -> None:
    subject = of_sessions()
    one = await subject.add()
    other = a_session(user_id=one.user_id)
    await subject.cache.add(other)
    for session in (one, other):
        await subject.possibly_stale(session)
        assert await subject.is_answered_from_the_cache(session)

    await subject.cache.delete(*key(one))

    assert await subject.possibly_stale(one) is None
    assert not await subject.is_answered_from_the_cache(other)


async def test_a_cached_session_is_not_found_for_another_user() -> None:
    subject = of_sessions()
    session = await subject.add()
    await subject.possibly_stale(session)

    stranger = UserId(uuid4())
    assert await subject.cache.possibly_stale(stranger, session.id) is None
    assert subject.cache.cached(stranger, session.id) is None


async def test_a_cached_session_that_has_expired_is_read_again() -> None:
    """A rotation elsewhere, which need not be reported, has moved its end."""
    clock = SettableClock(NOW)
    subject = of_sessions(clock)
    session = await subject.add()
    await subject.possibly_stale(session)
    rotated = refreshed(session, session.expires_at - MICROSECOND)
    await subject.store.replace(session, rotated)

    clock.now = session.expires_at - MICROSECOND
    assert await subject.is_answered_from_the_cache(session)
    clock.now = session.expires_at
    assert subject.cached(session) is None
    assert await subject.possibly_stale(session) == rotated
    assert await subject.is_answered_from_the_cache(rotated)


async def test_an_expired_session_is_read_each_time() -> None:
    clock = SettableClock(NOW)
    subject = of_sessions(clock)
    session = await subject.add()
    await subject.possibly_stale(session)

    clock.now = session.expires_at

    assert not await subject.is_answered_from_the_cache(session)
    assert not await subject.is_answered_from_the_cache(session)


async def test_a_change_in_memory_is_reported_before_the_call_returns() -> None:
    user = a_user()
    session = a_session(user_id=user.id)
    async with open_stores(
        "memory:", "memory:", StoreOptions(cached_users=10), lambda: NOW
    ) as stores:
        assert isinstance(stores.users, NearCacheUsers)
        assert isinstance(stores.sessions, NearCacheSessions)
        await stores.users.add(user)
        await stores.sessions.add(session)
        assert await stores.users.possibly_stale(user.id) == user
        assert await stores.sessions.possibly_stale(user.id, session.id) == session

        # Past the cache, as another process would.
        assert (await stores.users._users.replace(user, replace(user, disabled=True))).changed
        await stores.sessions._sessions.delete(user.id, session.id)

        updated = await stores.users.possibly_stale(user.id)
        assert updated is not None
        assert updated.disabled
        assert await stores.sessions.possibly_stale(user.id, session.id) is None


async def test_without_a_cache_each_question_goes_to_the_store() -> None:
    user = a_user()
    session = a_session(user_id=user.id)
    async with open_stores("memory:", "memory:", StoreOptions(cached_users=0)) as stores:
        assert isinstance(stores.users, MemoryUsers)
        assert isinstance(stores.sessions, MemorySessions)
        await stores.users.add(user)
        await stores.sessions.add(session)

        for _ in range(2):
            assert await stores.cached_users.possibly_stale(user.id) is user
            assert stores.cached_users.cached(user.id) is None
            found = await stores.cached_sessions.possibly_stale(user.id, session.id)
            assert found is session
            assert stores.cached_sessions.cached(user.id, session.id) is None


async def test_with_a_cache_the_stores_write_through_it() -> None:
    async with open_stores("memory:", "memory:", StoreOptions(cached_users=10)) as stores:
        assert id(stores.cached_users) == id(stores.users)
        assert id(stores.cached_sessions) == id(stores.sessions)
