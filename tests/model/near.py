"""Two workers with copies near at hand, over one store, whose messages come late or not at all.

The feed is the real one but for its line: what arrives of it, and when, is up to the test, and so
is the time. No message is overtaken by a later one.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import pytest

from application.authenticate import Principal
from application.ports import Devices, SessionStore
from domain.audit_event import Event
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
from tests.model.model import SECOND, Answer, Generation, Login, Person
from tests.model.steps import ScriptedSessions, ScriptedUsers
from tests.support.builders import MICROSECOND, NOW, World

BOUND = 2 * SECOND

_T = TypeVar("_T")


@dataclass(frozen=True)
class State:
    """What was true of a user after a change: the sessions that there were, and if disabled."""

    at: datetime
    user_id: UserId
    sessions: frozenset[SessionId]
    is_disabled: bool


class Ledger(MemoryFeed):
    """Notes each change of the store, and passes it on to those whose line holds.

    :ivar states: all there ever were, in order.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.clock = clock
        self.users, self.sessions = MemoryUsers(self), Sessions(self)
        self.states: list[State] = []
        self.lines: list[Line] = []
        self.is_loud = True

    def note(self, user_id: UserId) -> None:
        user = self.users._users.get(user_id)
        there = frozenset(self.sessions._sessions.get(user_id, {}))
        is_disabled = user is not None and user.disabled
        self.states.append(State(self.clock(), user_id, there, is_disabled))

    def publish(self, user_id: UserId) -> None:
        self.note(user_id)
        for line in self.lines:
            if line.is_connected and self.is_loud:
                line.say(lambda line=line: line._publish(user_id))  # type: ignore[misc]


class Sessions(MemorySessions):
    """Rotations are not told: PostgreSQL does not either."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.ledger = ledger

    async def add(
        self, session: Session, activity: SessionActivity | None = None, event: Event | None = None
    ) -> None:
        await super().add(session, activity, event)
        self.ledger.note(session.user_id)

    async def replace(self, old: Session, new: Session) -> bool:
        self.ledger.is_loud = False
        try:
            return await super().replace(old, new)
        finally:
            self.ledger.is_loud = True


@dataclass(frozen=True)
class Message:
    """
    :ivar knows: how many states there had been when it was sent.
    """

    knows: int
    arrive: Callable[[], None]


class Line(ConnectedFeed):
    """The real feed; its line is a queue.

    :ivar knows: how many states of the store have been told of.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__("the store", BOUND)
        self.ledger = ledger
        self.is_connected = False
        self.messages: deque[Message] = deque()
        self.knows = 0
        ledger.lines.append(self)

    async def _listen(self) -> None:
        """The test does."""

    def say(self, arrive: Callable[[], None]) -> None:
        self.messages.append(Message(len(self.ledger.states), arrive))

    def connect(self) -> None:
        if not self.is_connected:
            self.is_connected = True
            asked_at = monotonic(self.ledger.clock())
            self.say(self._begin)
            self.say(lambda: self._confirm(asked_at))

    def ask(self) -> None:
        """Whoever is asked answers at once; when the answer arrives is another matter."""
        if self.is_connected:
            asked_at = monotonic(self.ledger.clock())
            self.say(lambda: self._confirm(asked_at))

    def arrive(self, number: int) -> None:
        for _ in range(min(number, len(self.messages))):
            message = self.messages.popleft()
            message.arrive()
            self.knows = message.knows

    def cut(self) -> None:
        """And it is noticed; what is not is a message that never arrives."""
        self.is_connected = False
        self.messages.clear()
        self._confirmed_at = 0.0
        self._publish(None)
        self.knows = len(self.ledger.states)


def monotonic(now: datetime) -> float:
    return 1000 + (now - NOW).total_seconds()


def drive_the_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], datetime]], None]:
    """
    :returns: takes the clock that the feeds look at from now on.
    """
    clocks: list[Callable[[], datetime]] = []
    monkeypatch.setattr(
        "infrastructure.storage.near_cache.invalidation_feed.running_time",
        lambda: monotonic(clocks[-1]()),
    )
    return clocks.append


@dataclass
class Worker:
    """
    :ivar wrote: how many states of the store there were when its last change of a user returned.
    """

    house: World
    line: Line
    users: NearCacheUsers
    sessions: NearCacheSessions
    wrote: dict[UserId, int] = field(default_factory=dict)

    def has_written(self, user_id: UserId) -> None:
        self.wrote[user_id] = len(self.line.ledger.states)


class WritingUsers(NearCacheUsers):
    worker: Worker

    async def replace(self, old: User, new: User, event: Event | None = None) -> bool:
        try:
            return await super().replace(old, new, event)
        finally:
            self.worker.has_written(old.id)


class WritingSessions(NearCacheSessions):
    worker: Worker

    async def replace(self, old: Session, new: Session) -> bool:
        try:
            return await super().replace(old, new)
        finally:
            self.worker.has_written(old.user_id)

    async def delete(
        self, user_id: UserId, session_id: SessionId, event: Event | None = None
    ) -> None:
        try:
            await super().delete(user_id, session_id, event)
        finally:
            self.worker.has_written(user_id)


class NearScenario(Scenario):
    """``house`` and ``scripted`` are those of two workers, or of one.

    :ivar stale: how often somebody was accepted who would not have been without copies.
    :ivar copied: how often a worker could say at once who somebody was.
    """

    def __init__(self, signer: JwtSigner, devices: Devices, most: tuple[int, int]) -> None:
        super().__init__("memory:", signer, devices)
        self.signer = signer
        self.stale = self.copied = 0
        self.ledger.users = users = MemoryUsers(self.ledger)
        for person in self.people:
            user = self.run(self.house.users.get(person.id))
            assert user is not None
            self.run(users.add(user))
            self.ledger.note(person.id)
        self.workers = [self._worker(self.house, each) for each in most]
        self.act(0, 0)

    async def _open(self, _url: str) -> SessionStore:
        self.ledger = Ledger(self.house.clock)
        return self.ledger.sessions

    def _worker(self, house: World, most: int) -> Worker:
        line, clock = Line(self.ledger), house.clock
        users = WritingUsers(ScriptedUsers(self.ledger.users, self.script), line, most)
        scripted = ScriptedSessions(self.ledger.sessions, self.script)
        sessions = WritingSessions(scripted, line, most, clock)
        signer = VerifiedTokenCache(self.signer, most, clock)
        own = replace(house, users=users, sessions=sessions, signer=signer)
        worker = Worker(own, line, users, sessions)
        users.worker = sessions.worker = worker
        return worker

    def act(self, one: int, other: int) -> None:
        """Who does what is done from now on, and what happens in the middle of that."""
        self.scripted, self.house = self.workers[one].house, self.workers[other].house
        self.scripting = self.workers[one]

    def attempt(
        self, call: Callable[[], Awaitable[_T]], crash_at: tuple[int, bool] | None = None
    ) -> _T | Outcome:
        try:
            return super().attempt(call, crash_at)
        finally:
            self.script._event = None  # all steps are counted here: what has not come is over

    def states(self, worker: Worker, user_id: UserId) -> list[State]:
        """What the worker may believe of the user: the last that it must know of, or newer."""
        states, now = self.ledger.states, self.house.clock.now
        if not worker.line.is_live():
            known = len(states)
        else:
            is_old = [state.at + BOUND + MICROSECOND <= now for state in states]
            known = max(worker.line.knows, worker.wrote.get(user_id, 0), is_old.count(True))
        older = [state for state in states[:known] if state.user_id == user_id]
        newer = [state for state in states[known:] if state.user_id == user_id]
        return [*older[-1:], *newer]

    def may_be_disabled(self, worker: Worker, person: Person) -> set[bool]:
        return {state.is_disabled for state in self.states(worker, person.id)}

    def seen_disabled(self, person: Person) -> bool:
        """What the worker goes by who does the next thing: no copy is believed to be disabled."""
        user = self.run(self.scripted.cached_users.possibly_stale(person.id))
        assert user is not None
        assert user.disabled in self.may_be_disabled(self.scripting, person)
        return user.disabled and person.is_disabled

    def check_authenticates(self, login: Login, token: Generation) -> None:
        """By each worker, with and without waiting."""
        for worker in self.workers:
            cached = worker.house.authenticate_from_cache(token.access)
            if cached is not None:
                self.copied += 1
                self._check_accepted(worker, login, token, cached)
            result = self.attempt(lambda worker=worker: worker.house.authenticate(token.access))  # type: ignore[misc]
            if isinstance(result, Principal):
                self._check_accepted(worker, login, token, result)
            else:
                assert isinstance(result, TokenRejected)
                # No copy has logged anybody out.
                assert login.authenticates(token, self.house.clock.now) is not Answer.GOOD
                assert cached is None

    def _check_accepted(
        self, worker: Worker, login: Login, token: Generation, principal: Principal
    ) -> None:
        now, states = self.house.clock.now, self.states(worker, login.person.id)
        assert (principal.session.id, principal.user.id) == (login.id, login.person.id)
        assert any(principal.session.id in state.sessions for state in states)
        assert any(not state.is_disabled for state in states)
        assert token.answer("access", now) is not Answer.BAD
        assert now < login.generations[-1].ends_at
        self.stale += login.is_dead or login.person.is_disabled
