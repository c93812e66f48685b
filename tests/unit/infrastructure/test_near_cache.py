"""The copies themselves: what they serve, what they forget, and how many there may be."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.audit_event import Event
from domain.email import Email
from domain.errors import TokenRejected, Unavailable
from domain.session import Session, SessionId
from domain.token import LEEWAY, TokenClaims, TokenKind
from domain.user import User, UserId
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from infrastructure.storage.backends import open_stores
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from infrastructure.storage.options import StoreOptions
from tests.support.builders import (
    AUDIENCES,
    LIFETIMES,
    MICROSECOND,
    NOW,
    a_session,
    ada,
    claims_of,
    refreshed,
)
from tests.support.doubles import ManualFeed, SettableClock

MOST = 3


@dataclass
class Counter:
    """
    :ivar reads: how often the store was asked.
    :ivar is_slow: whether what was read takes until :attr:`arrives` to arrive.
    :ivar answers_are_lost: whether nobody hears that a change was made.
    """

    reads: int = 0
    is_slow: bool = False
    answers_are_lost: bool = False
    arrives: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, read: Awaitable[Any]) -> Any:
        self.reads += 1
        found = await read
        if self.is_slow:
            await self.arrives.wait()
        return found

    async def change(self, change: Awaitable[Any]) -> Any:
        changed = await change
        if self.answers_are_lost:
            raise Unavailable("store")
        return changed


class CountedUsers(MemoryUsers):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    async def get(self, user_id: UserId) -> User | None:
        return await self.counter.read(super().get(user_id))  # type: ignore[no-any-return]

    async def replace(self, old: User, new: User, event: Event | None = None) -> bool:
        return await self.counter.change(super().replace(old, new, event))  # type: ignore[no-any-return]

    async def delete(self, user_id: UserId, event: Event | None = None) -> None:
        await self.counter.change(super().delete(user_id, event))


class CountedSessions(MemorySessions):
    def __init__(self, counter: Counter) -> None:
        super().__init__()
        self.counter = counter

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        found = super().get(user_id, session_id)
        return await self.counter.read(found)  # type: ignore[no-any-return]

    async def replace(self, old: Session, new: Session) -> bool:
        stored = self._sessions[old.user_id].get(old.id) == old
        if stored:
            self._sessions[old.user_id][old.id] = new
        return await self.counter.change(_said(stored))  # type: ignore[no-any-return]

    async def delete(
        self, user_id: UserId, session_id: SessionId, event: Event | None = None
    ) -> None:
        await self.counter.change(super().delete(user_id, session_id, event))


async def _said(result: bool) -> bool:
    return result


@dataclass
class Desk:
    """A store, and copies in front of it. The same for users and for sessions.

    :ivar near: the store with copies.
    :ivar far: the store behind it, where others change things.
    :ivar a_record: makes a new one.
    :ivar changed: the record after a change.
    """

    feed: ManualFeed
    counter: Counter
    near: Any
    far: Any
    a_record: Callable[[], Any]
    changed: Callable[[Any], Any]

    async def add(self) -> Any:
        record = self.a_record()
        await self.near.add(record)
        return record

    async def possibly_stale(self, record: Any) -> Any:
        return await self.near.possibly_stale(*key(record))

    def cached(self, record: Any) -> Any:
        return self.near.cached(*key(record))

    async def is_copied(self, record: Any) -> bool:
        """Whether it is answered without the store, and rightly."""
        before = self.counter.reads
        assert await self.possibly_stale(record) == record
        return self.counter.reads == before


def key(record: Any) -> tuple[Any, ...]:
    return (record.id,) if isinstance(record, User) else (record.user_id, record.id)


def owner(record: Any) -> UserId:
    return UserId(key(record)[0])


def of_users() -> Desk:
    feed, counter = ManualFeed(), Counter()
    far = CountedUsers(counter)
    return Desk(
        feed,
        counter,
        NearCacheUsers(far, feed, MOST),
        far,
        lambda: ada(email=Email.parse(f"{uuid4().hex}@example.org")),
        lambda user: replace(user, disabled=True),
    )


def of_sessions(clock: Callable[[], datetime] = lambda: NOW) -> Desk:
    feed, counter = ManualFeed(), Counter()
    far = CountedSessions(counter)
    near = NearCacheSessions(far, feed, MOST, clock)
    return Desk(feed, counter, near, far, a_session, refreshed)


@pytest.fixture(params=[of_users, of_sessions], ids=["users", "sessions"])
def desk(request: pytest.FixtureRequest) -> Desk:
    made: Desk = request.param()
    return made


async def test_the_second_question_reads_nothing(desk: Desk) -> None:
    record = await desk.add()
    assert desk.cached(record) is None
    assert not await desk.is_copied(record)

    assert await desk.is_copied(record)
    assert desk.cached(record) == record
    assert desk.counter.reads == 1


async def test_what_is_to_be_certain_is_always_asked_for(desk: Desk) -> None:
    record = await desk.add()
    await desk.possibly_stale(record)

    for reads in (2, 3):
        assert await desk.near.get(*key(record)) == record
        assert desk.counter.reads == reads


async def test_without_a_live_feed_the_store_is_always_asked(desk: Desk) -> None:
    record = await desk.add()
    await desk.possibly_stale(record)

    desk.feed.live = False
    assert not await desk.is_copied(record)
    assert not await desk.is_copied(record)
    assert desk.cached(record) is None


async def test_what_was_told_is_asked_for_again(desk: Desk) -> None:
    record = await desk.add()
    await desk.possibly_stale(record)
    new = desk.changed(record)

    await desk.far.replace(record, new)
    assert await desk.possibly_stale(record) == record  # nobody has told it yet
    desk.feed.publish(owner(record))

    assert desk.cached(record) is None
    assert await desk.possibly_stale(record) == new
    assert await desk.is_copied(new)


async def test_what_is_told_of_one_leaves_the_copies_of_others(desk: Desk) -> None:
    one, other = await desk.add(), await desk.add()
    await desk.possibly_stale(one)
    await desk.possibly_stale(other)

    desk.feed.publish(owner(one))

    assert await desk.is_copied(other)
    assert not await desk.is_copied(one)


async def test_if_anything_may_have_been_missed_no_copy_is_left(desk: Desk) -> None:
    records = [await desk.add() for _ in range(MOST)]
    for record in records:
        await desk.possibly_stale(record)

    desk.feed.publish(None)

    assert not any([await desk.is_copied(record) for record in records])


@pytest.mark.parametrize("is_known", [True, False], ids=["of the user", "of anybody"])
async def test_what_is_told_while_it_is_read_leaves_no_copy(desk: Desk, is_known: bool) -> None:
    record = await desk.add()
    desk.counter.is_slow = True
    reading = asyncio.create_task(desk.possibly_stale(record))
    await asyncio.sleep(0)  # the old record is on its way

    new = desk.changed(record)
    await desk.far.replace(record, new)
    desk.feed.publish(owner(record) if is_known else None)
    desk.counter.arrives.set()

    assert await reading == record
    assert desk.cached(record) is None
    assert await desk.possibly_stale(record) == new


async def test_of_two_readers_the_late_one_does_not_bring_back_the_old(desk: Desk) -> None:
    record = await desk.add()
    desk.counter.is_slow = True
    late = asyncio.create_task(desk.possibly_stale(record))
    await asyncio.sleep(0)
    new = desk.changed(record)
    await desk.far.replace(record, new)
    desk.feed.publish(owner(record))
    desk.counter.is_slow = False
    assert await desk.possibly_stale(record) == new

    desk.counter.arrives.set()

    assert await late == record
    assert await desk.possibly_stale(record) == new
    assert await desk.is_copied(new)


async def test_a_copy_of_a_dead_feed_is_not_used_when_it_lives_again(desk: Desk) -> None:
    record = await desk.add()
    desk.feed.live = False
    await desk.possibly_stale(record)
    new = desk.changed(record)
    await desk.far.replace(record, new)  # that is never told

    desk.feed.publish(None)  # as a feed does before it is live
    desk.feed.live = True

    assert await desk.possibly_stale(record) == new


LOST = [False, True]
LOST_IDS = ["acknowledged", "not acknowledged"]


@pytest.mark.parametrize("is_lost", LOST, ids=LOST_IDS)
async def test_ones_own_replacement_is_seen_at_once(desk: Desk, is_lost: bool) -> None:
    record = await desk.add()
    await desk.possibly_stale(record)
    new = desk.changed(record)

    desk.counter.answers_are_lost = is_lost
    with pytest.raises(Unavailable) if is_lost else nullcontext():
        assert await desk.near.replace(record, new)

    assert desk.cached(record) is None
    assert await desk.possibly_stale(record) == new


@pytest.mark.parametrize("is_lost", LOST, ids=LOST_IDS)
async def test_ones_own_deletion_is_seen_at_once(desk: Desk, is_lost: bool) -> None:
    record = await desk.add()
    await desk.possibly_stale(record)

    desk.counter.answers_are_lost = is_lost
    with pytest.raises(Unavailable) if is_lost else nullcontext():
        await desk.near.delete(*key(record))

    assert desk.cached(record) is None
    assert await desk.possibly_stale(record) is None


async def test_ones_own_change_while_it_is_read_leaves_no_copy(desk: Desk) -> None:
    record = await desk.add()
    desk.counter.is_slow = True
    reading = asyncio.create_task(desk.possibly_stale(record))
    await asyncio.sleep(0)

    await desk.near.delete(*key(record))
    desk.counter.arrives.set()

    assert await reading == record
    assert await desk.possibly_stale(record) is None


async def test_ones_own_change_that_is_given_up_is_seen(desk: Desk) -> None:
    record = await desk.add()
    await desk.possibly_stale(record)
    began, hold = asyncio.Event(), asyncio.Event()

    async def change_and_wait(change: Awaitable[Any]) -> None:
        await change
        began.set()
        await hold.wait()

    desk.counter.change = change_and_wait  # type: ignore[method-assign]
    deleting = asyncio.create_task(desk.near.delete(*key(record)))
    await began.wait()
    deleting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deleting

    assert await desk.possibly_stale(record) is None


async def test_what_is_not_there_is_not_remembered(desk: Desk) -> None:
    record = desk.a_record()
    assert await desk.possibly_stale(record) is None
    assert desk.cached(record) is None

    await desk.far.add(record)

    assert await desk.possibly_stale(record) == record


async def test_a_read_that_fails_leaves_nothing_behind(desk: Desk) -> None:
    record = await desk.add()

    async def fail(read: Any) -> None:
        read.close()
        raise Unavailable("store")

    read = desk.counter.read
    desk.counter.read = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await desk.possibly_stale(record)
    desk.counter.read = read  # type: ignore[method-assign]

    assert not await desk.is_copied(record)
    assert await desk.is_copied(record)


async def test_who_came_first_goes_first(desk: Desk) -> None:
    records = [await desk.add() for _ in range(MOST + 1)]
    for record in records:
        await desk.possibly_stale(record)

    assert [desk.cached(record) is not None for record in records] == [False] + [True] * MOST
    assert not await desk.is_copied(records[0])
    assert desk.cached(records[1]) is None


async def test_who_is_not_there_takes_no_more_room_than_others(desk: Desk) -> None:
    for _ in range(50):
        await desk.possibly_stale(desk.a_record())

    assert len(desk.near._cache._partitions) <= MOST


async def test_memory_is_bounded_however_many_users_come() -> None:
    feed = ManualFeed()
    near = NearCacheUsers(MemoryUsers(), feed, 100)
    asked = NearCacheSessions(MemorySessions(), feed, 100, lambda: NOW)

    async def many_come(number: int) -> None:
        for _ in range(number):
            user = ada(email=Email.parse(f"{uuid4().hex}@example.org"))
            session = a_session(user_id=user.id)
            await near.add(user)
            await asked.add(session)
            assert await near.possibly_stale(user.id) is not None
            assert await asked.possibly_stale(user.id, session.id) is not None
            await near._users.delete(user.id)
            await asked._sessions.delete(user.id, session.id)

    await many_come(200)
    gc.collect()
    tracemalloc.start()
    try:
        await many_come(1500)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 400_000  # 100 users and sessions; all of them would be ten times as much


async def test_all_copies_of_a_users_sessions_go_together() -> None:
    desk = of_sessions()
    one = await desk.add()
    other = a_session(user_id=one.user_id)
    await desk.near.add(other)
    for session in (one, other):
        await desk.possibly_stale(session)
        assert await desk.is_copied(session)

    await desk.near.delete(*key(one))

    assert await desk.possibly_stale(one) is None
    assert not await desk.is_copied(other)


async def test_a_session_is_no_strangers() -> None:
    desk = of_sessions()
    session = await desk.add()
    await desk.possibly_stale(session)

    stranger = UserId(uuid4())
    assert await desk.near.possibly_stale(stranger, session.id) is None
    assert desk.near.cached(stranger, session.id) is None


async def test_a_copy_that_is_past_its_time_is_asked_again() -> None:
    """A rotation elsewhere, of which nothing may be told, has moved its end."""
    clock = SettableClock(NOW)
    desk = of_sessions(clock)
    session = await desk.add()
    await desk.possibly_stale(session)
    rotated = refreshed(session, session.expires_at - MICROSECOND)
    await desk.far.replace(session, rotated)

    clock.now = session.expires_at - MICROSECOND
    assert await desk.is_copied(session)
    clock.now = session.expires_at
    assert desk.cached(session) is None
    assert await desk.possibly_stale(session) == rotated
    assert await desk.is_copied(rotated)


async def test_a_session_that_has_ended_is_asked_for_each_time() -> None:
    clock = SettableClock(NOW)
    desk = of_sessions(clock)
    session = await desk.add()
    await desk.possibly_stale(session)

    clock.now = session.expires_at

    assert not await desk.is_copied(session)
    assert not await desk.is_copied(session)


async def test_a_change_in_memory_is_told_before_the_call_returns() -> None:
    user = ada()
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

        # Not through the copies: as another process would.
        assert await stores.users._users.replace(user, replace(user, disabled=True))
        await stores.sessions._sessions.delete(user.id, session.id)

        changed = await stores.users.possibly_stale(user.id)
        assert changed is not None
        assert changed.disabled
        assert await stores.sessions.possibly_stale(user.id, session.id) is None


async def test_without_a_cache_each_question_goes_to_the_store() -> None:
    user = ada()
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


# Tokens


class CountingSigner(JwtSigner):
    """
    :ivar asked: the tokens that it had to verify.
    """

    def __init__(self, keys: Mapping[TokenKind, SigningKey]) -> None:
        super().__init__(KeyRingWatcher.fixed(keys), AUDIENCES, LIFETIMES.absolute)
        self.asked: list[str] = []

    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        self.asked.append(token)
        return super().verify(token, kind)


@dataclass
class Verifier:
    """
    :ivar near: that remembers what the signer has verified.
    """

    signer: CountingSigner
    clock: SettableClock
    near: VerifiedTokenCache

    def token(self, kind: TokenKind = TokenKind.ACCESS, **changes: Any) -> str:
        return self.signer.sign(claims_of(a_session(**changes), kind))

    def is_remembered(self, token: str, kind: TokenKind = TokenKind.ACCESS) -> bool:
        asked = len(self.signer.asked)
        self.near.verify(token, kind)
        return len(self.signer.asked) == asked


@pytest.fixture
def verifier(keys: dict[TokenKind, SigningKey]) -> Verifier:
    counting, clock = CountingSigner(keys), SettableClock(NOW)
    return Verifier(counting, clock, VerifiedTokenCache(counting, MOST, clock))


@pytest.mark.parametrize("kind", TokenKind)
def test_the_answer_is_the_signers(verifier: Verifier, signer: JwtSigner, kind: TokenKind) -> None:
    token = verifier.token(kind)
    assert verifier.near.cached(token, kind) is None

    for _ in range(3):
        assert verifier.near.verify(token, kind) == signer.verify(token, kind)
    assert verifier.near.cached(token, kind) == signer.verify(token, kind)
    assert verifier.signer.asked == [token]
    assert verifier.near.public_keys() == signer.public_keys()
    claims = claims_of(a_session(), kind)
    assert verifier.near.sign(claims) == signer.sign(claims)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_that_was_signed_here_needs_no_verification(
    verifier: Verifier, kind: TokenKind
) -> None:
    claims = claims_of(a_session(), kind)

    token = verifier.near.sign(claims)

    assert verifier.near.cached(token, kind) == claims
    assert verifier.near.verify(token, kind) == claims
    assert verifier.signer.asked == []


def test_no_character_of_a_remembered_token_may_change(verifier: Verifier) -> None:
    """Neither is it found, nor does it pass; each of the signature's, and some of the others."""
    token = verifier.token()
    verifier.near.verify(token, TokenKind.ACCESS)
    signature = token.rindex(".")
    for position in [*range(0, signature, 29), *range(signature, len(token))]:
        for other in {"A", "B", "."} - {token[position]}:
            changed = f"{token[:position]}{other}{token[position + 1 :]}"
            assert verifier.near.cached(changed, TokenKind.ACCESS) is None
            with pytest.raises(TokenRejected):
                verifier.near.verify(changed, TokenKind.ACCESS)
            assert verifier.signer.asked[-1] == changed
    assert verifier.is_remembered(token)


@pytest.mark.parametrize(
    "change", [str.upper, str.swapcase, "{}=".format, " {}".format, "{}\n".format]
)
def test_no_other_spelling_is_found(verifier: Verifier, change: Callable[[str], str]) -> None:
    token = verifier.token()
    verifier.near.verify(token, TokenKind.ACCESS)

    for kind in TokenKind:
        assert verifier.near.cached(change(token), kind) is None
        with pytest.raises(TokenRejected):
            verifier.near.verify(change(token), kind)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_remembered_token_is_of_its_kind_only(verifier: Verifier, kind: TokenKind) -> None:
    token = verifier.token(kind)
    verifier.near.verify(token, kind)
    [other] = set(TokenKind) - {kind}

    for _ in range(2):
        assert verifier.near.cached(token, other) is None
        with pytest.raises(TokenRejected):
            verifier.near.verify(token, other)
    assert verifier.is_remembered(token, kind)


@pytest.mark.parametrize("token", ["", "a.b.c", "é", "\ud800", "a" * 10**5])
def test_what_is_rejected_is_rejected_each_time(verifier: Verifier, token: str) -> None:
    for asked in (1, 2):
        with pytest.raises(TokenRejected):
            verifier.near.verify(token, TokenKind.ACCESS)
        assert verifier.near.cached(token, TokenKind.ACCESS) is None
        assert len(verifier.signer.asked) == asked
    assert verifier.near._verified == {}


def test_a_token_that_has_expired_is_forgotten(verifier: Verifier) -> None:
    token = verifier.token()
    claims = verifier.near.verify(token, TokenKind.ACCESS)
    end = datetime.fromtimestamp(claims.expires_at, NOW.tzinfo) + LEEWAY

    verifier.clock.now = end - MICROSECOND
    assert verifier.is_remembered(token)
    verifier.clock.now = end
    assert verifier.near.cached(token, TokenKind.ACCESS) is None
    assert verifier.near._verified == {}
    for _ in range(2):  # whether it is expired is not for the signer to say
        assert not verifier.is_remembered(token)
    assert verifier.near._verified == {}


def test_a_token_of_the_future_is_not_remembered(verifier: Verifier) -> None:
    token = verifier.token(rotated_at=NOW + LEEWAY + timedelta(seconds=2))

    for _ in range(2):
        assert not verifier.is_remembered(token)


@pytest.mark.parametrize("lifetime", [0, -1, 10**8])
def test_what_the_signer_refuses_is_refused_though_it_was_signed_here(
    verifier: Verifier, signer: JwtSigner, lifetime: int
) -> None:
    """A token of a session's very last second has no lifetime."""
    claims = claims_of(a_session())
    token = verifier.near.sign(replace(claims, expires_at=claims.issued_at + lifetime))
    with pytest.raises(TokenRejected):
        signer.verify(token, TokenKind.ACCESS)

    assert verifier.near.cached(token, TokenKind.ACCESS) is None
    with pytest.raises(TokenRejected):
        verifier.near.verify(token, TokenKind.ACCESS)


def test_the_first_tokens_go_first(verifier: Verifier) -> None:
    tokens = [verifier.token() for _ in range(MOST + 1)]
    for token in tokens:
        verifier.near.verify(token, TokenKind.ACCESS)

    cached = [verifier.near.cached(token, TokenKind.ACCESS) for token in tokens]
    assert [claims is not None for claims in cached] == [False] + [True] * MOST
    assert len(verifier.near._verified) == MOST


def test_no_token_stays_in_memory(signer: JwtSigner) -> None:
    """Nothing that the copies refer to, however indirectly, holds the token or its signature."""
    near = VerifiedTokenCache(signer, 1000, lambda: NOW)
    token = signer.sign(claims_of(a_session()))
    near.verify(token, TokenKind.ACCESS)

    signature = token.rpartition(".")[2]
    kept = [*_all_within(near.__dict__, without=signer)]

    assert any(isinstance(each, bytes) for each in kept)
    for each in kept:
        if isinstance(each, str | bytes):
            text = each if isinstance(each, str) else each.decode("latin-1")
            assert signature not in text
            assert signature[:20] not in text


def _all_within(thing: object, *, without: object) -> list[object]:
    if thing is without:
        return []
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif isinstance(thing, TokenClaims):
        inner = [getattr(thing, name) for name in thing.__slots__]
    else:
        return [thing]
    return [found for each in inner for found in _all_within(each, without=without)]
