"""Drives all use cases on one session store step by step, beside a model of them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from application.login.complete import LoggedIn, TokenPair
from application.ports import Devices, SessionStore, TokenSigner
from application.second_factors.verify import CodeProof
from application.step_up import PasswordProof, Proof
from domain.actor import Principal
from domain.authentication import Method
from domain.errors import AuthError, SecondFactorRequired, StepUpRequired, TokenRejected
from domain.request_context import UNKNOWN
from domain.second_factors import totp
from domain.second_factors.factors import SecondFactors, Totp
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
    UserModel,
    Verdict,
    read,
)
from tests.model.steps import Crash, Effect, Script, ScriptedSessions, ScriptedUsers, crash
from tests.support.builders import PASSWORD
from tests.support.doubles import SettableClock
from tests.support.factors import SECRET, enrolled
from tests.support.world import World

_T = TypeVar("_T")
_U = TypeVar("_U")

PATIENT = StoreOptions(timeout=timedelta(seconds=60))  # a busy machine is no reason to fail
LIFETIMES = Lifetimes(access=ACCESS, idle=IDLE, absolute=ABSOLUTE, grace=GRACE)

Outcome = AuthError | Crash
"""How an attempt has failed."""


class Scenario:
    """The code under test and the model, kept in step.

    ``scripted`` counts the steps of its stores; ``world`` uses the same stores without counting.
    """

    def __init__(self, url: str, signer: TokenSigner, devices: Devices) -> None:
        self._runner = asyncio.Runner()
        self._stores = AsyncExitStack()
        now = datetime.now(UTC).replace(microsecond=123_457)  # Redis deletes by its own clock
        clock = SettableClock(now)
        self.world = World(signer, lifetimes=LIFETIMES, devices=devices, clock=clock)
        self.world.sessions = self.run(self._open(url))
        self.script = Script()
        self.scripted = replace(
            self.world,
            users=ScriptedUsers(self.world.users, self.script),
            sessions=ScriptedSessions(self.world.sessions, self.script),
        )
        self.logins: list[Login] = []
        self.token_ids: set[str] = set()
        self.users = [self._register(f"{name}@example.org") for name in ("ada", "eve")]

    async def _open(self, url: str) -> SessionStore:
        backend = backend_for(url, "sessions")
        assert backend.sessions is not None
        connection = await self._stores.enter_async_context(backend.connect(url, PATIENT))
        return backend.sessions(connection)

    def _register(self, email: str) -> UserModel:
        return UserModel(email, self.run(self.world.sign_up(email)).id, PASSWORD)

    def close(self) -> None:
        self.run(self._stores.aclose())
        self._runner.close()

    def run(self, call: Awaitable[_T]) -> _T:
        # Not Runner.run: it sets and resets the handler of SIGINT, which takes longer than a call.
        return self._runner.get_loop().run_until_complete(call)

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
        """Run a call with an event before that step, or after the last; return both results."""
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

    async def delete_sessions(self, world: World, user_model: UserModel) -> None:
        """Delete all sessions of a user."""
        for session in await world.sessions.of_user(user_model.id):
            await world.sessions.delete(user_model.id, session.id)

    async def set_disabled(self, user_model: UserModel, *, disabled: bool) -> None:
        user = await self.world.users.get(user_model.id)
        assert user is not None
        await self.world.change(user, disabled=disabled)

    def login(self, pick: int) -> Login | None:
        """Return a login whose tokens were issued; live ones first, then the newest."""
        known = [login for login in reversed(self.logins) if login.known(0)]
        known.sort(key=lambda login: login.has_ended(self.world.clock.now))
        return known[pick % len(known)] if known else None

    async def log_in(self, world: World, user_model: UserModel, password: str) -> LoggedIn:
        """Log in, with a code if the user has a second factor."""
        try:
            return await world.login(user_model.email, password)
        except SecondFactorRequired as asked:
            assert user_model.has_factor
            code = await self.code(user_model)
            return await world.login_with_second_factor(asked.challenge, Method.TOTP, code)

    async def enrol(self, user_model: UserModel) -> None:
        """Give a user an authenticator app, which ends all sessions."""
        user = await self.world.users.get(user_model.id)
        assert user is not None
        await enrolled(self.world, user)

    async def code(self, user_model: UserModel) -> str:
        """Return a code that was not used: forget that the present one was, and all failures."""
        stored = await self.world.second_factors.of_user(user_model.id)
        sealed = self.world.factor_secrets.seal(user_model.id, SECRET)
        fresh = SecondFactors(user_model.id, Totp(sealed))
        assert (await self.world.second_factors.replace(stored, fresh)).changed
        return totp.code_at(SECRET, totp.step_at(self.world.clock()))

    def proof(self, user_model: UserModel, method: str, *, is_right: bool = True) -> Proof:
        if method == "password":
            return PasswordProof(user_model.password if is_right else "not the password")
        code = self.run(self.code(user_model)) if user_model.has_factor else "123456"
        return CodeProof(Method.TOTP, code if is_right else "no code")

    # Changes of the model

    def begin(
        self,
        user_model: UserModel,
        session_id: str,
        methods: frozenset[str] | None = None,
        *,
        is_stepped_up: bool = False,
    ) -> Login:
        """:param methods: by default those of a login."""
        assert session_id not in {login.id for login in self.logins}
        shown = user_model.methods if methods is None else methods
        login = Login(session_id, user_model, self.world.clock.now, shown, is_stepped_up)
        login.rotate(self.world.clock.now)
        self.logins.append(login)
        return login

    def issue(self, login: Login, generation: Generation, pair: TokenPair) -> None:
        """Record issued tokens: new ones, or those of this generation again."""
        if generation.refresh:
            assert (pair.access, pair.refresh) == (generation.access, generation.refresh)
            return
        for token in (pair.access, pair.refresh):
            claims = read(token)
            assert (claims["sid"], claims["sub"]) == (login.id, str(login.user_model.id))
            assert claims["jti"] not in self.token_ids
            self.token_ids.add(claims["jti"])
        claims = read(pair.access)
        assert claims["acr"] == str(login.level)
        assert claims["auth_time"] == int(login.started_at.timestamp())
        generation.access, generation.refresh = pair.access, pair.refresh

    def apply_partial_effects(self, *allowed: tuple[str, str]) -> None:
        """Apply what a use case changed before it crashed; fail if it may not change that.

        :param allowed: effects: what is done, and the session or "user" that it is done to.
        """
        for effect in self.script.effects:
            of = "new" if effect.what == "added" else effect.of
            assert (effect.what, of) in allowed, effect
            self._apply(effect)

    def _apply(self, effect: Effect) -> None:
        if effect.of == "user":
            return
        if effect.what == "added":
            user_model = next(each for each in self.users if each.id == effect.user_id)
            self.begin(user_model, effect.of)
            return
        login = next(each for each in self.logins if each.id == effect.of)
        if effect.what == "deleted":
            login.is_revoked = True
        else:
            login.rotate(self.world.clock.now)

    # Checks

    def check_authenticates(self, login: Login, token: Generation) -> None:
        expected = login.authenticates(token, self.world.clock.now)
        result = self.attempt(lambda: self.world.authenticate(token.access))
        if isinstance(result, Exception):
            assert isinstance(result, TokenRejected)
            assert expected is not Answer.GOOD
            return
        assert expected is not Answer.BAD
        assert (result.session.id, result.user.id) == (login.id, login.user_model.id)
        assert result.session.methods == login.methods
        assert result.session.is_stepped_up is login.is_stepped_up

    def check_sensitive_step(self, login: Login, token: Generation) -> None:
        """Check that a sensitive step is allowed after a step-up, for a while, and else not."""
        now = self.world.clock.now
        principal = self.attempt(lambda: self.world.authenticate(token.access))
        if isinstance(principal, Exception):
            return
        result = self.attempt(lambda: self.world.require_step_up(principal, UNKNOWN))
        if login.allows_sensitive_steps(now):
            assert isinstance(result, Principal)
        else:
            assert isinstance(result, StepUpRequired)
            assert login.user_model.strongest in result.methods

    def check_refused(self, login: Login, token: Generation) -> None:
        """Check that a token refreshes nothing, and that its use changes nothing."""
        assert login.refreshes(token, self.world.clock.now) is Verdict.REFUSED
        result = self.attempt(lambda: self.world.refresh(token.refresh))
        assert isinstance(result, TokenRejected)

    def check_stored(self) -> None:
        """Check that no session is lost, restored or stored twice."""
        now = self.world.clock.now
        for user_model in self.users:
            user = self.run(self.world.users.get(user_model.id))
            assert user is not None
            stored = [
                each.id
                for each in self.run(self.world.sessions.of_user(user_model.id))
                if each.generation == user.generation  # the others have ended
            ]
            own = [login for login in self.logins if login.user_model is user_model]
            assert len(stored) == len(set(stored))
            assert set(stored) <= {login.id for login in own if not login.is_revoked}
            assert set(stored) >= {login.id for login in own if not login.has_ended(now)}
