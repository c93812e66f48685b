"""Two workers with a near cache over one store, whose invalidations are delayed or lost.

The feed is the real one but for its connection: the test decides which messages arrive, and when,
and sets the time. Messages stay in order.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import pytest

from application.ports import Devices, SessionStore
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.actor import Principal
from domain.errors import TokenRejected
from domain.session import Session, SessionId
from domain.session_activity import SessionActivity
from domain.user import User, UserId
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from infrastructure.storage.memory.invalidation_feed import MemoryFeed
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.near_cache.invalidation_feed import ConnectedFeed
from infrastructure.storage.near_cache.sessions import NearCacheSessions
from infrastructure.storage.near_cache.users import NearCacheUsers
from tests.model.machine import Outcome, Scenario
from tests.model.model import SECOND, Answer, Generation, Login, UserModel
from tests.model.steps import ScriptedSessions, ScriptedUsers
from tests.support.builders import MICROSECOND, NOW
from tests.support.world import World

BOUND = 2 * SECOND

_T = TypeVar("_T")


@dataclass(frozen=True)
class State:
    """The state of a user after a change: the sessions, and whether the user is disabled."""

    at: datetime
    user_id: UserId
    sessions: frozenset[SessionId]
    is_disabled: bool


class History(MemoryFeed):
    """Records each change of the store, and publishes it to the feeds that are connected.

    :ivar states: all states, in order.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.clock = clock
        self.users, self.sessions = MemoryUsers(self), Sessions(self)
        self.states: list[State] = []
        self.feeds: list[Feed] = []
        self.publishes_changes = True

    def record(self, user_id: UserId) -> None:
        user = self.users._users.get(user_id)
        there = frozenset(self.sessions._sessions.get(user_id, {}))
        is_disabled = user is not None and user.disabled
        self.states.append(State(self.clock(), user_id, there, is_disabled))

    def publish(self, user_id: UserId) -> None:
        self.record(user_id)
        for feed in self.feeds:
            if feed.is_connected and self.publishes_changes:
                feed.enqueue(lambda feed=feed: feed._publish(user_id))  # type: ignore[misc]


class Sessions(MemorySessions):
    """Rotations are not published, as in PostgreSQL."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.history = history

    async def add(
        self,
        session: Session,
        activity: SessionActivity | None = None,
        effects: Effects = NO_EFFECTS,
    ) -> Stored[bool]:
        stored = await super().add(session, activity, effects)
        self.history.record(session.user_id)
        return stored

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        self.history.publishes_changes = False
        try:
            return await super().replace(old, new, effects)
        finally:
            self.history.publishes_changes = True


@dataclass(frozen=True)
class Message:
    """
    :ivar knows: the number of states when it was sent.
    """

    knows: int
    deliver: Callable[[], None]


class Feed(ConnectedFeed):
    """The real feed; its connection is a queue.

    :ivar knows: the number of states of the store that it has reported.
    """

    def __init__(self, history: History) -> None:
        super().__init__("the store", BOUND)
        self.history = history
        self.is_connected = False
        self.messages: deque[Message] = deque()
        self.knows = 0
        history.feeds.append(self)

    async def _listen(self) -> None:
        """The test delivers instead."""

    def enqueue(self, deliver: Callable[[], None]) -> None:
        self.messages.append(Message(len(self.history.states), deliver))

    def connect(self) -> None:
        if not self.is_connected:
            self.is_connected = True
            sent_at = running_seconds(self.history.clock())
            self.enqueue(self._begin)
            self.enqueue(lambda: self._confirm(sent_at))

    def probe(self) -> None:
        """The store answers at once; the answer arrives when the test delivers it."""
        if self.is_connected:
            sent_at = running_seconds(self.history.clock())
            self.enqueue(lambda: self._confirm(sent_at))

    def deliver(self, number: int) -> None:
        for _ in range(min(number, len(self.messages))):
            message = self.messages.popleft()
            message.deliver()
            self.knows = message.knows

    def cut(self) -> None:
        """Break the connection, and notice it. A message that never arrives is not noticed."""
        self.is_connected = False
        self.messages.clear()
        self._confirmed_at = 0.0
        self._publish(None)
        self.knows = len(self.history.states)


def running_seconds(now: datetime) -> float:
    return 1000 + (now - NOW).total_seconds()


def drive_the_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], datetime]], None]:
    """
    :returns: sets the clock that the feeds read from now on.
    """
    clocks: list[Callable[[], datetime]] = []
    monkeypatch.setattr(
        "infrastructure.storage.near_cache.invalidation_feed.running_time",
        lambda: running_seconds(clocks[-1]()),
    )
    return clocks.append


@dataclass
class Worker:
    """
    :ivar wrote: the number of states of the store when its last change of a user returned.
    """

    world: World
    feed: Feed
    users: NearCacheUsers
    sessions: NearCacheSessions
    wrote: dict[UserId, int] = field(default_factory=dict)

    def note_write(self, user_id: UserId) -> None:
        self.wrote[user_id] = len(self.feed.history.states)


class WritingUsers(NearCacheUsers):
    worker: Worker

    async def replace(self, old: User, new: User, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        try:
            return await super().replace(old, new, effects)
        finally:
            self.worker.note_write(old.id)


class WritingSessions(NearCacheSessions):
    worker: Worker

    async def replace(
        self, old: Session, new: Session, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        try:
            return await super().replace(old, new, effects)
        finally:
            self.worker.note_write(old.user_id)

    async def delete(
        self, user_id: UserId, session_id: SessionId, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        try:
            return await super().delete(user_id, session_id, effects)
        finally:
            self.worker.note_write(user_id)


class NearScenario(Scenario):
    """``world`` and ``scripted`` belong to two workers, or to one.

    :ivar stale: how often a worker accepted a session that it would reject without a cache.
    :ivar answered_from_cache: how often a worker answered from the cache.
    """

    def __init__(self, signer: JwtSigner, devices: Devices, most: tuple[int, int]) -> None:
        super().__init__("memory:", signer, devices)
        self.signer = signer
        self.stale = self.answered_from_cache = 0
        self.history.users = users = MemoryUsers(self.history)
        for user_model in self.users:
            user = self.run(self.world.users.get(user_model.id))
            assert user is not None
            self.run(users.add(user))
            self.history.record(user_model.id)
        self.workers = [self._open_worker(self.world, each) for each in most]
        self.act(0, 0)

    async def _open(self, _url: str) -> SessionStore:
        self.history = History(self.world.clock)
        return self.history.sessions

    def _open_worker(self, world: World, most: int) -> Worker:
        feed, clock = Feed(self.history), world.clock
        users = WritingUsers(ScriptedUsers(self.history.users, self.script), feed, most)
        scripted = ScriptedSessions(self.history.sessions, self.script)
        sessions = WritingSessions(scripted, feed, most, clock)
        signer = VerifiedTokenCache(self.signer, most, clock)
        own = replace(world, users=users, sessions=sessions, signer=signer)
        worker = Worker(own, feed, users, sessions)
        users.worker = sessions.worker = worker
        return worker

    def act(self, one: int, other: int) -> None:
        """Choose the worker that acts, and the one that acts in the middle of that."""
        self.scripted, self.world = self.workers[one].world, self.workers[other].world
        self.scripting = self.workers[one]

    def attempt(
        self, call: Callable[[], Awaitable[_T]], crash_at: tuple[int, bool] | None = None
    ) -> _T | Outcome:
        try:
            return super().attempt(call, crash_at)
        finally:
            self.script._event = None  # an event that did not happen is void

    def states(self, worker: Worker, user_id: UserId) -> list[State]:
        """The states that the worker may act on: the last one it must know, and newer ones."""
        states, now = self.history.states, self.world.clock.now
        if not worker.feed.is_live():
            known = len(states)
        else:
            is_old = [state.at + BOUND + MICROSECOND <= now for state in states]
            known = max(worker.feed.knows, worker.wrote.get(user_id, 0), is_old.count(True))
        older = [state for state in states[:known] if state.user_id == user_id]
        newer = [state for state in states[known:] if state.user_id == user_id]
        return [*older[-1:], *newer]

    def may_be_disabled(self, worker: Worker, user_model: UserModel) -> set[bool]:
        return {state.is_disabled for state in self.states(worker, user_model.id)}

    def seen_disabled(self, user_model: UserModel) -> bool:
        """Whether the next worker sees the user disabled: never on cached data."""
        user = self.run(self.scripted.cached_users.possibly_stale(user_model.id))
        assert user is not None
        assert user.disabled in self.may_be_disabled(self.scripting, user_model)
        return user.disabled and user_model.is_disabled

    def check_authenticates(self, login: Login, token: Generation) -> None:
        """Check that each worker authenticates, from the cache and from the stores."""
        for worker in self.workers:
            cached = worker.world.authenticate_from_cache(token.access)
            if cached is not None:
                self.answered_from_cache += 1
                self._check_accepted(worker, login, token, cached)
            result = self.attempt(lambda worker=worker: worker.world.authenticate(token.access))  # type: ignore[misc]
            if isinstance(result, Principal):
                self._check_accepted(worker, login, token, result)
            else:
                assert isinstance(result, TokenRejected)
                # Never reject on cached data.
                assert login.authenticates(token, self.world.clock.now) is not Answer.GOOD
                assert cached is None

    def _check_accepted(
        self, worker: Worker, login: Login, token: Generation, principal: Principal
    ) -> None:
        now, states = self.world.clock.now, self.states(worker, login.user_model.id)
        assert (principal.session.id, principal.user.id) == (login.id, login.user_model.id)
        assert any(principal.session.id in state.sessions for state in states)
        assert any(not state.is_disabled for state in states)
        assert token.answer("access", now) is not Answer.BAD
        assert now < login.generations[-1].ends_at
        self.stale += login.is_revoked or login.user_model.is_disabled
