"""Two processes' worth of stores with copies, on real servers: nothing that has ended comes back.

On both sides people are looked up without end, while sessions end or users are disabled on either.
From the moment when a side has heard of it nobody gets the old record there any more; on the side
where it was done, from the moment when that call returns.
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
from infrastructure.storage.backends import Stores, open_stores
from infrastructure.storage.near_cache.invalidation_feed import InvalidationFeed
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.options import StoreOptions
from tests.model.test_races import STACKS
from tests.support.builders import a_session, ada

Record = Session | User

OPTIONS = StoreOptions(timeout=timedelta(seconds=20), cached_users=1000)
ROUNDS = 100
"""Of two races on each of three stacks: 600 ends."""
READERS = 2  # on each side
PATIENCE = 60.0  # seconds


@dataclass
class Side:
    """One process.

    :ivar told: of whom it has heard.
    :ivar ended: the records that nobody may get here any more.
    :ivar looks: how often somebody was looked up while copies could be used.
    :ivar stale: how often it was an old record.
    :ivar lost: how often it was not the record though nothing had happened.
    """

    stores: Stores
    users: NearCacheUsers
    sessions: NearCacheSessions
    told: set[UserId | None] = field(default_factory=set)
    ended: set[Record] = field(default_factory=set)
    looks: int = 0
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
        user = ada(email=Email.parse(f"{uuid4().hex}@example.org"))
        await self.users.add(user)
        return user

    async def possibly_stale(self, record: Record) -> Record | None:
        if isinstance(record, User):
            return await self.users.possibly_stale(record.id)
        return await self.sessions.possibly_stale(record.user_id, record.id)

    async def end(self, record: Record) -> None:
        if isinstance(record, User):
            assert await self.users.replace(record, replace(record, disabled=True))
        else:
            await self.sessions.delete(record.user_id, record.id)


@dataclass
class Arena:
    """
    :ivar known: what is being looked up.
    :ivar doomed: what has ended or is about to.
    """

    sides: list[Side]
    dice: random.Random
    known: list[Record] = field(default_factory=list)
    doomed: set[Record] = field(default_factory=set)
    is_over: bool = False

    async def look(self, side: Side) -> None:
        while not self.is_over:
            record = self.dice.choice(self.known)
            has_ended = record in side.ended
            found = await side.possibly_stale(record)
            side.looks += side.is_live
            side.stale += has_ended and found == record
            side.lost += record not in self.doomed and found != record
            if self.dice.random() < 0.4:  # a copy is there without any pause
                await asyncio.sleep(0)

    async def hears(self, side: Side, writer: Side, kind: type[Record]) -> None:
        """Of all that has happened until now: for it hears of something that happens now."""
        last = await writer.add(kind)
        await writer.end(last)
        marks = {last.id if isinstance(last, User) else last.user_id, None}
        deadline = time.monotonic() + PATIENCE
        while side.is_live and not side.told & marks:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)


@pytest.fixture(params=STACKS)
async def arena(request: pytest.FixtureRequest) -> AsyncIterator[Arena]:
    users_url, sessions_url = map(request.getfixturevalue, STACKS[request.param])
    async with AsyncExitStack() as stack:
        sides = []
        for _ in range(2):
            stores = await stack.enter_async_context(open_stores(users_url, sessions_url, OPTIONS))
            assert isinstance(stores.users, NearCacheUsers)
            assert isinstance(stores.sessions, NearCacheSessions)
            side = Side(stores, stores.users, stores.sessions)
            for feed in set(side.feeds):
                feed.subscribe(side.told.add)  # after the copies were dropped
            sides.append(side)
        deadline = time.monotonic() + PATIENCE
        while not (sides[0].is_live and sides[1].is_live):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        yield Arena(sides, random.Random(request.node.name))


async def play_a_round(arena: Arena, number: int, kind: type[Record]) -> None:
    writer, other = arena.sides[:: 1 if number % 2 else -1]
    record = await arena.dice.choice(arena.sides).add(kind)
    arena.known = [*arena.known[:4], *arena.known[-1:], record]  # four of them live for ever
    for _ in range(arena.dice.randrange(12)):  # so that it is copied, or just being read
        await asyncio.sleep(0)
    other.told.clear()
    arena.doomed.add(record)

    await writer.end(record)
    writer.ended.add(record)
    assert await writer.possibly_stale(record) != record
    await arena.hears(other, writer, kind)
    other.ended.add(record)
    assert await other.possibly_stale(record) != record


@pytest.mark.parametrize("kind", [Session, User], ids=["sessions", "users"])
async def test_nothing_that_has_ended_comes_back(arena: Arena, kind: type[Record]) -> None:
    arena.known = [await arena.sides[0].add(kind) for _ in range(4)]
    readers = [
        asyncio.create_task(arena.look(side)) for side in arena.sides for _ in range(READERS)
    ]
    for number in range(ROUNDS):
        await play_a_round(arena, number, kind)
    assert not any(reader.done() for reader in readers)
    arena.is_over = True
    await asyncio.gather(*readers)

    looks = sum(side.looks for side in arena.sides)
    stale, lost = (sum(getattr(side, name) for side in arena.sides) for name in ("stale", "lost"))
    assert looks > 10 * ROUNDS
    assert f"{stale} stale of {looks}" == f"0 stale of {looks}"
    assert f"{lost} lost of {looks}" == f"0 lost of {looks}"
