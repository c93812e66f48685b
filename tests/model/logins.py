"""Users and thieves log in and refresh while time passes and processes crash."""

from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from application.login.complete import LoggedIn, TokenPair
from application.ports import Devices
from domain.errors import InvalidCredentials, RefreshTokenReused, TokenRejected
from infrastructure.signing.jwt_signer import JwtSigner
from tests.model.machine import Scenario
from tests.model.model import (
    ABSOLUTE,
    ACCESS,
    GRACE,
    IDLE,
    SECOND,
    STEP_UP,
    Answer,
    Generation,
    Login,
    UserModel,
    Verdict,
    read,
)
from tests.model.steps import Crash
from tests.support.builders import MICROSECOND

USERS = st.sampled_from([0, 0, 0, 1])
PICKS = st.sampled_from([0] * 6 + [1, 1, 2, 3, 5])
AGES = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
CRASHES = st.sampled_from(
    [None] * 24 + [(step, after) for step in range(6) for after in (False, True)]
)
TIMES = st.sampled_from(
    [
        *[MICROSECOND, SECOND, GRACE - MICROSECOND, GRACE] * 8,
        ACCESS,
        ACCESS + 31 * SECOND,
        IDLE - SECOND,
        IDLE - MICROSECOND,
        IDLE,
        ABSOLUTE,
        STEP_UP - MICROSECOND,
        STEP_UP,
    ]
)
WRONG = "not the password"


def has_a_login(machine: "Logins") -> bool:
    return machine.scenario.login(0) is not None


def has_a_live_login(machine: "Logins") -> bool:
    return bool(machine.live_logins())


class Logins(RuleBasedStateMachine):
    url: ClassVar[str]
    signer: ClassVar[JwtSigner]
    devices: ClassVar[Devices]

    def __init__(self) -> None:
        super().__init__()
        self.scenario = Scenario(self.url, self.signer, self.devices)
        self.passwords = 0

    def teardown(self) -> None:
        try:
            for login in self.scenario.logins:
                for token in filter(lambda each: each.refresh, login.generations):
                    self.scenario.check_authenticates(login, token)
                    if login.has_ended(self.now):
                        self.scenario.check_refused(login, token)
        finally:
            self.scenario.close()

    @property
    def now(self) -> datetime:
        return self.scenario.world.clock.now

    def live_logins(self) -> list[tuple[Login, Generation]]:
        """Return the logins whose two tokens are valid now, the newest first."""
        newest = [(login, login.known(0)) for login in reversed(self.scenario.logins)]
        return [
            (login, token)
            for login, token in newest
            if token
            and login.authenticates(token, self.now) is Answer.GOOD
            and login.refreshes(token, self.now) is Verdict.SUCCESSOR
        ]

    def live_login(self, pick: int) -> tuple[Login, Generation]:
        live_logins = self.live_logins()
        return live_logins[pick % len(live_logins)]

    def choose(self, pick: int, age: int = 0) -> tuple[Login, Generation]:
        login = self.scenario.login(pick)
        assert login is not None
        token = login.known(age)
        assert token is not None
        return login, token

    @invariant()
    def the_store_holds_exactly_the_live_sessions(self) -> None:
        self.scenario.check_stored()

    @initialize()
    def log_in_both(self) -> None:
        for number in (0, 1, 0):
            self.log_in(number, is_right=True, crash_at=None)

    @rule(time=TIMES)
    def advance_the_clock(self, time: timedelta) -> None:
        self.scenario.world.clock.advance(time)

    @rule(number=USERS, disabled=st.sampled_from([False] * 5 + [True]))
    def disable_or_enable_a_user(self, number: int, disabled: bool) -> None:
        user_model = self.scenario.users[number]
        self.scenario.run(self.scenario.set_disabled(user_model, disabled=disabled))
        user_model.is_disabled = disabled

    @rule(number=USERS, is_right=st.sampled_from([True, True, True, False]), crash_at=CRASHES)
    def log_in(self, number: int, is_right: bool, crash_at: tuple[int, bool] | None) -> None:
        user_model = self.scenario.users[number]
        password = user_model.password if is_right else WRONG
        result = self.scenario.attempt(
            lambda: self.scenario.log_in(self.scenario.scripted, user_model, password), crash_at
        )
        may_enter = is_right and not user_model.is_disabled
        if isinstance(result, Crash):
            self.scenario.apply_partial_effects(*[("added", "new")] * may_enter)
        elif may_enter:
            self.begin_login(user_model, result)
        else:
            assert isinstance(result, InvalidCredentials)

    def begin_login(self, user_model: UserModel, result: object) -> Login:
        assert isinstance(result, LoggedIn), result
        login = self.scenario.begin(user_model, read(result.tokens.access)["sid"])
        self.scenario.issue(login, login.generations[0], result.tokens)
        return login

    @precondition(has_a_login)
    @rule(pick=PICKS, age=AGES)
    def authenticate(self, pick: int, age: int) -> None:
        self.scenario.check_authenticates(*self.choose(pick, age))

    @precondition(has_a_login)
    @rule(pick=PICKS, crash_at=CRASHES)
    def refresh(self, pick: int, crash_at: tuple[int, bool] | None) -> None:
        self.refresh_with(*self.choose(pick), crash_at)

    @precondition(has_a_login)
    @rule(pick=PICKS, crash_at=CRASHES)
    def refresh_once_more(self, pick: int, crash_at: tuple[int, bool] | None) -> None:
        self.refresh_with(*self.choose(pick, 1), crash_at)

    @precondition(has_a_login)
    @rule(pick=PICKS, age=AGES, crash_at=CRASHES)
    def refresh_with_any(self, pick: int, age: int, crash_at: tuple[int, bool] | None) -> None:
        self.refresh_with(*self.choose(pick, age), crash_at)

    def refresh_with(
        self, login: Login, token: Generation, crash_at: tuple[int, bool] | None = None
    ) -> None:
        verdict = login.refreshes(token, self.now)
        result = self.scenario.attempt(
            lambda: self.scenario.scripted.refresh(token.refresh), crash_at
        )
        if isinstance(result, Crash):
            what = "replaced" if verdict is Verdict.SUCCESSOR else "deleted"
            is_honest = verdict in {Verdict.REPETITION, Verdict.REFUSED}
            self.scenario.apply_partial_effects(*[(what, login.id)] * (not is_honest))
        elif verdict in {Verdict.SUCCESSOR, Verdict.REPETITION}:
            assert isinstance(result, TokenPair), result
            successor = verdict is Verdict.SUCCESSOR
            generation = login.rotate(self.now) if successor else login.generations[-1]
            self.scenario.issue(login, generation, result)
        else:
            assert isinstance(result, TokenRejected), result
            assert isinstance(result, RefreshTokenReused) or verdict is not Verdict.REUSE
            is_refused = verdict is Verdict.REFUSED
            self.scenario.apply_partial_effects(*[("deleted", login.id)] * (not is_refused))
            assert login.is_revoked or verdict is not Verdict.REUSE

    @precondition(has_a_live_login)
    @rule(pick=PICKS, wait=st.sampled_from([SECOND, GRACE - MICROSECOND, GRACE]))
    def reuse_a_stolen_token(self, pick: int, wait: timedelta) -> None:
        login, token = self.live_login(pick)
        self.refresh_with(login, token)
        self.advance_the_clock(wait)
        self.refresh_with(login, token)

    @precondition(lambda machine: not machine.live_logins())
    @rule(number=USERS)
    def reach_the_absolute_end_of_a_session(self, number: int) -> None:
        user_model = self.scenario.users[number]
        if user_model.is_disabled:
            return
        tokens = self.scenario.run(
            self.scenario.log_in(self.scenario.world, user_model, user_model.password)
        )
        login = self.begin_login(user_model, tokens)
        self.advance_the_clock(IDLE - SECOND)
        self.refresh_with(login, login.generations[-1])
        self.advance_the_clock(ABSOLUTE - IDLE + SECOND - MICROSECOND)
        self.scenario.check_authenticates(login, login.generations[-1])
        self.advance_the_clock(MICROSECOND)
        self.scenario.check_authenticates(login, login.generations[-1])
