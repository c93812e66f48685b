"""People who log in and refresh, honestly and not, while time passes and processes crash."""

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

from application.authentication import LoggedIn, TokenPair
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
    Answer,
    Generation,
    Login,
    Person,
    Verdict,
    read,
)
from tests.model.steps import Crash
from tests.support.builders import MICROSECOND

PEOPLE = st.sampled_from([0, 0, 0, 1])
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
    ]
)
WRONG = "not the password"


def somebody_was_logged_in(machine: "Logins") -> bool:
    return machine.world.login(0) is not None


def somebody_is_logged_in(machine: "Logins") -> bool:
    return bool(machine.living())


class Logins(RuleBasedStateMachine):
    url: ClassVar[str]
    signer: ClassVar[JwtSigner]
    devices: ClassVar[Devices]

    def __init__(self) -> None:
        super().__init__()
        self.world = Scenario(self.url, self.signer, self.devices)
        self.passwords = 0

    def teardown(self) -> None:
        try:
            for login in self.world.logins:
                for token in filter(lambda each: each.refresh, login.generations):
                    self.world.check_authenticates(login, token)
                    if login.is_over(self.now):
                        self.world.check_refused(login, token)
        finally:
            self.world.close()

    @property
    def now(self) -> datetime:
        return self.world.house.clock.now

    def living(self) -> list[tuple[Login, Generation]]:
        """Who has two good tokens now, the newest first."""
        newest = [(login, login.known(0)) for login in reversed(self.world.logins)]
        return [
            (login, token)
            for login, token in newest
            if token
            and login.authenticates(token, self.now) is Answer.GOOD
            and login.refreshes(token, self.now) is Verdict.SUCCESSOR
        ]

    def living_one(self, pick: int) -> tuple[Login, Generation]:
        living = self.living()
        return living[pick % len(living)]

    def chosen(self, pick: int, age: int = 0) -> tuple[Login, Generation]:
        login = self.world.login(pick)
        assert login is not None
        token = login.known(age)
        assert token is not None
        return login, token

    @invariant()
    def the_store_holds_exactly_what_lives(self) -> None:
        self.world.check_stored()

    @initialize()
    def both_log_in(self) -> None:
        for number in (0, 1, 0):
            self.log_in(number, is_right=True, crash_at=None)

    @rule(time=TIMES)
    def time_passes(self, time: timedelta) -> None:
        self.world.house.clock.advance(time)

    @rule(number=PEOPLE, disabled=st.sampled_from([False] * 5 + [True]))
    def somebody_is_disabled_or_enabled(self, number: int, disabled: bool) -> None:
        person = self.world.people[number]
        self.world.run(self.world.set_disabled(person, disabled=disabled))
        person.is_disabled = disabled

    @rule(number=PEOPLE, is_right=st.sampled_from([True, True, True, False]), crash_at=CRASHES)
    def log_in(self, number: int, is_right: bool, crash_at: tuple[int, bool] | None) -> None:
        person = self.world.people[number]
        password = person.password if is_right else WRONG
        result = self.world.attempt(
            lambda: self.world.scripted.login(person.email, password), crash_at
        )
        may_enter = is_right and not person.is_disabled
        if isinstance(result, Crash):
            self.world.suffer(*[("added", "new")] * may_enter)
        elif may_enter:
            self.enter(person, result)
        else:
            assert isinstance(result, InvalidCredentials)

    def enter(self, person: Person, result: object) -> Login:
        assert isinstance(result, LoggedIn), result
        login = self.world.begin(person, read(result.tokens.access)["sid"])
        self.world.hand_out(login, login.generations[0], result.tokens)
        return login

    @precondition(somebody_was_logged_in)
    @rule(pick=PICKS, age=AGES)
    def authenticate(self, pick: int, age: int) -> None:
        self.world.check_authenticates(*self.chosen(pick, age))

    @precondition(somebody_was_logged_in)
    @rule(pick=PICKS, crash_at=CRASHES)
    def refresh(self, pick: int, crash_at: tuple[int, bool] | None) -> None:
        self.refresh_with(*self.chosen(pick), crash_at)

    @precondition(somebody_was_logged_in)
    @rule(pick=PICKS, crash_at=CRASHES)
    def refresh_once_more(self, pick: int, crash_at: tuple[int, bool] | None) -> None:
        self.refresh_with(*self.chosen(pick, 1), crash_at)

    @precondition(somebody_was_logged_in)
    @rule(pick=PICKS, age=AGES, crash_at=CRASHES)
    def refresh_with_any(self, pick: int, age: int, crash_at: tuple[int, bool] | None) -> None:
        self.refresh_with(*self.chosen(pick, age), crash_at)

    def refresh_with(
        self, login: Login, token: Generation, crash_at: tuple[int, bool] | None = None
    ) -> None:
        verdict = login.refreshes(token, self.now)
        result = self.world.attempt(lambda: self.world.scripted.refresh(token.refresh), crash_at)
        if isinstance(result, Crash):
            what = "replaced" if verdict is Verdict.SUCCESSOR else "deleted"
            is_honest = verdict in {Verdict.REPETITION, Verdict.REFUSED}
            self.world.suffer(*[(what, login.id)] * (not is_honest))
        elif verdict in {Verdict.SUCCESSOR, Verdict.REPETITION}:
            assert isinstance(result, TokenPair), result
            successor = verdict is Verdict.SUCCESSOR
            generation = login.rotate(self.now) if successor else login.generations[-1]
            self.world.hand_out(login, generation, result)
        else:
            assert isinstance(result, TokenRejected), result
            assert isinstance(result, RefreshTokenReused) or verdict is not Verdict.REUSE
            is_refused = verdict is Verdict.REFUSED
            self.world.suffer(*[("deleted", login.id)] * (not is_refused))
            assert login.is_dead or verdict is not Verdict.REUSE

    @precondition(somebody_is_logged_in)
    @rule(pick=PICKS, wait=st.sampled_from([SECOND, GRACE - MICROSECOND, GRACE]))
    def a_stolen_token_comes_back(self, pick: int, wait: timedelta) -> None:
        login, token = self.living_one(pick)
        self.refresh_with(login, token)
        self.time_passes(wait)
        self.refresh_with(login, token)

    @precondition(lambda machine: not machine.living())
    @rule(number=PEOPLE)
    def somebody_stays_to_the_very_end(self, number: int) -> None:
        person = self.world.people[number]
        if person.is_disabled:
            return
        tokens = self.world.run(self.world.house.login(person.email, person.password))
        login = self.enter(person, tokens)
        self.time_passes(IDLE - SECOND)
        self.refresh_with(login, login.generations[-1])
        self.time_passes(ABSOLUTE - IDLE + SECOND - MICROSECOND)
        self.world.check_authenticates(login, login.generations[-1])
        self.time_passes(MICROSECOND)
        self.world.check_authenticates(login, login.generations[-1])
