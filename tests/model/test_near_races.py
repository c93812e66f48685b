"""The near caches of two processes on real servers: no record that has ended is served again.

Both sides read without end, while sessions end or users are disabled on either. A side that has
received the invalidation never serves the old record again; the side that made the change, from
the moment when that call returns.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.email import Email
from domain.session import Session
from domain.user import User, UserId
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.stores import Stores, open_stores
from tests.model.test_races import STACKS
from tests.support.builders import a_session, a_user

pytestmark = pytest.mark.slow

Record = Session | User

OPTIONS = StoreOptions(timeout=timedelta(seconds=20), cached_users=1000)
ROUNDS = 100
"""Of two races on each of three stacks: 600 ends."""
READERS = 2  # on each side
PATIENCE = 60.0  # seconds


@dataclass
class Side:
    """One process.

    :ivar received: the users of whom it has received an invalidation.
    :ivar ended: the records that it must not serve any more.
    :ivar reads: reads while the cache could be used.
    :ivar stale: reads that returned an old record.
    :ivar lost: reads that did not return a record that is unchanged.
    """

    stores: Stores
    users: NearCacheUsers
    sessions: NearCacheSessions
    received: set[UserId | None] = field(default_factory=set)
    ended: set[Record] = field(default_factory=set)
    reads: int = 0
    stale: int = 0
    lost: int = 0

    @property
    def feeds(self) -> list[InvalidationFeed]:
        return [self.users._cache._feed, self.sessions._cache._feed]

    @property
    def is_live(self) -> bool:
        users, sessions = [feed.is_live() for feed in self.feeds]
        return users and sessions

    async def add(self, kind: type[Record]) -> Record:
        if kind is Session:
            session = a_session()
            await self.sessions.add(session)
            return session
        user = a_user(email=Email.parse(f"{uuid4().hex}@example.org"))
        await self.users.add(user)
        return user

    async def possibly_stale(self, record: Record) -> Record | None:
        if isinstance(record, User):
            return await self.users.possibly_stale(record.id)
        return await self.sessions.possibly_stale(record.user_id, record.id)

    async def end(self, record: Record) -> None:
        if isinstance(record, User):
            assert (await self.users.replace(record, replace(record, disabled=True))).changed
        else:
            await self.sessions.delete(record.user_id, record.id)


@dataclass
class Race:
    """
    :ivar known: the records that are being read.
    :ivar doomed: the records that have ended or are about to.
    """

    sides: list[Side]
    rng: random.Random
    known: list[Record] = field(default_factory=list)
    doomed: set[Record] = field(default_factory=set)
    has_ended: bool = False

    async def read_forever(self, side: Side) -> None:
        while not self.has_ended:
            record = self.rng.choice(self.known)
            has_ended = record in side.ended
            found = await side.possibly_stale(record)
            side.reads += side.is_live
            side.stale += has_ended and found == record
            side.lost += record not in self.doomed and found != record
            if self.rng.random() < 0.4:  # a cached record returns without any pause
                await asyncio.sleep(0)

    async def receives_all(self, side: Side, writer: Side, kind: type[Record]) -> None:
        """Wait until the side has received all changes until now: a later one has arrived."""
        last = await writer.add(kind)
        await writer.end(last)
        marks = {last.id if isinstance(last, User) else last.user_id, None}
        deadline = time.monotonic() + PATIENCE
        while side.is_live and not side.received & marks:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)


@pytest.fixture(params=STACKS)
async def race(request: pytest.FixtureRequest) -> AsyncIterator[Race]:
    users_url, sessions_url = map(request.getfixturevalue, STACKS[request.param])
    async with AsyncExitStack() as stack:
        sides = []
        for _ in range(2):
            stores = await stack.enter_async_context(open_stores(users_url, sessions_url, OPTIONS))
            assert isinstance(stores.users, NearCacheUsers)
            assert isinstance(stores.sessions, NearCacheSessions)
            side = Side(stores, stores.users, stores.sessions)
            for feed in set(side.feeds):
                feed.subscribe(side.received.add)  # after the cache was invalidated
            sides.append(side)
        deadline = time.monotonic() + PATIENCE
        while not (sides[0].is_live and sides[1].is_live):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        yield Race(sides, random.Random(request.node.name))


async def play_a_round(race: Race, number: int, kind: type[Record]) -> None:
    writer, other = race.sides[:: 1 if number % 2 else -1]
    record = await race.rng.choice(race.sides).add(kind)
    race.known = [*race.known[:4], *race.known[-1:], record]  # four of them never end
    for _ in range(race.rng.randrange(12)):  # so that it is cached, or just being read
        await asyncio.sleep(0)
    other.received.clear()
    race.doomed.add(record)

    await writer.end(record)
    writer.ended.add(record)
    assert await writer.possibly_stale(record) != record
    await race.receives_all(other, writer, kind)
    other.ended.add(record)
    assert await other.possibly_stale(record) != record


@pytest.mark.parametrize("kind", [Session, User], ids=["sessions", "users"])
async def test_no_worker_serves_a_record_that_has_ended(race: Race, kind: type[Record]) -> None:
    race.known = [await race.sides[0].add(kind) for _ in range(4)]
    readers = [
        asyncio.create_task(race.read_forever(side)) for side in race.sides for _ in range(READERS)
    ]
    for number in range(ROUNDS):
        await play_a_round(race, number, kind)
    assert not any(reader.done() for reader in readers)
    race.has_ended = True
    await asyncio.gather(*readers)

    reads = sum(side.reads for side in race.sides)
    stale, lost = (sum(getattr(side, name) for side in race.sides) for name in ("stale", "lost"))
    assert reads > 10 * ROUNDS
    assert f"{stale} stale of {reads}" == f"0 stale of {reads}"
    assert f"{lost} lost of {reads}" == f"0 lost of {reads}"
