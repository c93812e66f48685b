"""One house on one session store, driven step by step beside the model of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from application.authentication import TokenPair
from application.ports import Devices, SessionStore, TokenSigner
from domain.errors import AuthError, TokenRejected
from domain.session import Lifetimes
from infrastructure.storage.backends import backend_for
from infrastructure.storage.options import StoreOptions
from tests.model.model import (
    ABSOLUTE,
    ACCESS,
    GRACE,
    IDLE,
    Answer,
    Generation,
    Login,
    Person,
    Verdict,
    read,
)
from tests.model.steps import Crash, Effect, Script, ScriptedSessions, ScriptedUsers, crash
from tests.support.builders import PASSWORD, World
from tests.support.doubles import SettableClock

_T = TypeVar("_T")
_U = TypeVar("_U")

PATIENT = StoreOptions(timeout=timedelta(seconds=60))  # a busy machine is no reason to fail
LIFETIMES = Lifetimes(access=ACCESS, idle=IDLE, absolute=ABSOLUTE, grace=GRACE)

Outcome = AuthError | Crash
"""How an attempt has failed."""


class Scenario:
    """The code under test and the model, kept in step.

    ``scripted`` is the house whose steps are counted; ``house`` is on the same stores, without.
    """

    def __init__(self, url: str, signer: TokenSigner, devices: Devices) -> None:
        self._runner = asyncio.Runner()
        self._stores = AsyncExitStack()
        now = datetime.now(UTC).replace(microsecond=123_457)  # Redis deletes by its own clock
        clock = SettableClock(now)
        self.house = World(signer, lifetimes=LIFETIMES, devices=devices, clock=clock)
        self.house.sessions = self.run(self._open(url))
        self.script = Script()
        self.scripted = replace(
            self.house,
            users=ScriptedUsers(self.house.users, self.script),
            sessions=ScriptedSessions(self.house.sessions, self.script),
        )
        self.logins: list[Login] = []
        self.token_ids: set[str] = set()
        self.people = [self._move_in(f"{name}@example.org") for name in ("ada", "eve")]

    async def _open(self, url: str) -> SessionStore:
        backend = backend_for(url, "sessions")
        assert backend.sessions is not None
        connection = await self._stores.enter_async_context(backend.connect(url, PATIENT))
        return backend.sessions(connection)

    def _move_in(self, email: str) -> Person:
        return Person(email, self.run(self.house.sign_up(email)).id, PASSWORD)

    def close(self) -> None:
        self.run(self._stores.aclose())
        self._runner.close()

    def run(self, call: Awaitable[_T]) -> _T:
        async def awaited() -> _T:
            return await call

        return self._runner.run(awaited())

    def attempt(
        self, call: Callable[[], Awaitable[_T]], crash_at: tuple[int, bool] | None = None
    ) -> _T | Outcome:
        """:param crash_at: the number of a step, and whether it still takes effect."""
        step, after = crash_at or (-1, False)
        self.script.plan(crash if crash_at else None, step, after=after)
        try:
            return self.run(call())
        except (AuthError, Crash) as error:
            return error

    def meanwhile(
        self, call: Callable[[], Awaitable[_T]], step: int, event: Callable[[], Awaitable[_U]]
    ) -> tuple[_T | Outcome, _U]:
        """What becomes of the call, and of an event before that step of it; or after the last."""
        results: list[_U] = []

        async def note() -> None:
            results.append(await event())

        self.script.plan(note, step, after=False)
        try:
            result: _T | Outcome = self.run(call())
        except AuthError as error:
            result = error
        if not results:
            self.run(note())
        return result, results[0]

    async def end_all(self, house: World, person: Person) -> None:
        """Whoever is logged in as this person is logged out."""
        for session in await house.sessions.of_user(person.id):
            await house.sessions.delete(person.id, session.id)

    async def set_disabled(self, person: Person, *, disabled: bool) -> None:
        user = await self.house.users.get(person.id)
        assert user is not None
        await self.house.change(user, disabled=disabled)

    def login(self, pick: int) -> Login | None:
        """One of which somebody has tokens; those that live and the newest come first."""
        known = [login for login in reversed(self.logins) if login.known(0)]
        known.sort(key=lambda login: login.is_over(self.house.clock.now))
        return known[pick % len(known)] if known else None

    # What becomes true

    def begin(self, person: Person, session_id: str) -> Login:
        assert session_id not in {login.id for login in self.logins}
        login = Login(session_id, person, self.house.clock.now)
        login.rotate(self.house.clock.now)
        self.logins.append(login)
        return login

    def hand_out(self, login: Login, generation: Generation, pair: TokenPair) -> None:
        """New tokens, like none before, or those of this generation once more."""
        if generation.refresh:
            assert (pair.access, pair.refresh) == (generation.access, generation.refresh)
            return
        for token in (pair.access, pair.refresh):
            claims = read(token)
            assert (claims["sid"], claims["sub"]) == (login.id, str(login.person.id))
            assert claims["jti"] not in self.token_ids
            self.token_ids.add(claims["jti"])
        generation.access, generation.refresh = pair.access, pair.refresh

    def suffer(self, *allowed: tuple[str, str]) -> None:
        """What a crashed use case has changed until then is changed, and nothing else may be.

        :param allowed: effects, each as what is done to which session or to the user.
        """
        for effect in self.script.effects:
            of = "new" if effect.what == "added" else effect.of
            assert (effect.what, of) in allowed, effect
            self._suffer(effect)

    def _suffer(self, effect: Effect) -> None:
        if effect.of == "user":
            return
        if effect.what == "added":
            person = next(each for each in self.people if each.id == effect.user_id)
            self.begin(person, effect.of)
            return
        login = next(each for each in self.logins if each.id == effect.of)
        if effect.what == "deleted":
            login.is_dead = True
        else:
            login.rotate(self.house.clock.now)

    # What has to be true

    def check_authenticates(self, login: Login, token: Generation) -> None:
        expected = login.authenticates(token, self.house.clock.now)
        result = self.attempt(lambda: self.house.authenticate(token.access))
        if isinstance(result, Exception):
            assert isinstance(result, TokenRejected)
            assert expected is not Answer.GOOD
            return
        assert expected is not Answer.BAD
        assert (result.session.id, result.user.id) == (login.id, login.person.id)

    def check_refused(self, login: Login, token: Generation) -> None:
        """A token that refreshes nothing, and that to present does no harm."""
        assert login.refreshes(token, self.house.clock.now) is Verdict.REFUSED
        result = self.attempt(lambda: self.house.refresh(token.refresh))
        assert isinstance(result, TokenRejected)

    def check_stored(self) -> None:
        """Nothing is lost, nothing comes back, and nothing is there twice."""
        now = self.house.clock.now
        for person in self.people:
            user = self.run(self.house.users.get(person.id))
            assert user is not None
            stored = [
                each.id
                for each in self.run(self.house.sessions.of_user(person.id))
                if each.generation == user.generation  # the others have ended
            ]
            own = [login for login in self.logins if login.person is person]
            assert len(stored) == len(set(stored))
            assert set(stored) <= {login.id for login in own if not login.is_dead}
            assert set(stored) >= {login.id for login in own if not login.is_over(now)}
