"""Logins, refreshes and revocations in any order, with crashes and other people in between.

Whatever happens, a session has one living successor, what was revoked stays so, and nobody who is
honest is logged out.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from application.authentication import LoggedIn, TokenPair
from application.ports import Devices, TokenSigner
from domain.errors import InvalidCredentials, TokenRejected, WrongPassword
from tests.model.logins import (
    AGES,
    CRASHES,
    PEOPLE,
    PICKS,
    WRONG,
    Logins,
    somebody_is_logged_in,
)
from tests.model.model import Answer
from tests.model.steps import Crash

EXAMPLES, LENGTH = 45, 30
STEPS = st.integers(0, 4)


class Protocol(Logins):
    @precondition(lambda machine: len(machine.living()) > 1)
    @rule(pick=PICKS, age=AGES, kind=st.sampled_from(["access", "refresh"]), crash_at=CRASHES)
    def log_out(self, pick: int, age: int, kind: str, crash_at: tuple[int, bool] | None) -> None:
        login, token = self.chosen(pick, age)
        tokens = (token.access, None) if kind == "access" else (None, token.refresh)
        result = self.world.attempt(lambda: self.world.scripted.logout(*tokens), crash_at)
        if isinstance(result, Crash):
            self.world.suffer(("deleted", login.id))
        elif result is None:
            assert token.answer(kind, self.now) is not Answer.BAD
            login.is_dead = True
        else:
            assert isinstance(result, TokenRejected)
            assert token.answer(kind, self.now) is not Answer.GOOD

    @precondition(lambda machine: len(machine.living()) > 1)
    @rule(one=PICKS, other=PICKS)
    def log_out_with_tokens_of_two_sessions(self, one: int, other: int) -> None:
        (login, token), (second, second_token) = self.chosen(one), self.chosen(other)
        result = self.world.attempt(
            lambda: self.world.scripted.logout(token.access, second_token.refresh)
        )
        self.world.suffer(("deleted", login.id), ("deleted", second.id))
        for each, kind, used in ((login, "access", token), (second, "refresh", second_token)):
            assert each.is_dead or used.answer(kind, self.now) is not Answer.GOOD
        assert result is None or isinstance(result, TokenRejected)

    @precondition(lambda machine: len(machine.living()) > 1)
    @rule(number=PEOPLE, crash_at=CRASHES)
    def end_all_sessions(self, number: int, crash_at: tuple[int, bool] | None) -> None:
        person = self.world.people[number]
        result = self.world.attempt(
            lambda: self.world.end_all(self.world.scripted, person), crash_at
        )
        own = [login for login in self.world.logins if login.person is person]
        self.world.suffer(*(("deleted", login.id) for login in own))
        assert isinstance(result, Crash) or all(login.is_over(self.now) for login in own)

    @precondition(somebody_is_logged_in)
    @rule(pick=PICKS, is_right=st.sampled_from([True, True, False]), crash_at=CRASHES)
    def change_the_password(
        self, pick: int, is_right: bool, crash_at: tuple[int, bool] | None
    ) -> None:
        login, token = self.living_one(pick)
        person, new = login.person, self.new_password()
        current = person.password if is_right else WRONG
        principal = self.world.run(self.world.house.authenticate(token.access))
        result = self.world.attempt(
            lambda: self.world.scripted.change_password(principal, current, new), crash_at
        )
        own = [each for each in self.world.logins if each.person is person]
        done = [(effect.what, effect.of) for effect in self.world.script.effects]
        gone = [("deleted", other.id) for other in own if other is not login]
        allowed = [("replaced", "user"), ("renewed", login.id), *gone]
        assert set(done) <= set(allowed * is_right)
        if not isinstance(result, Crash):
            assert isinstance(result, LoggedIn if is_right else WrongPassword)
            assert (("replaced", "user") in done) is is_right
        if ("replaced", "user") in done:
            # With that one step, whatever crashes after it.
            person.password = new
            for each in own:
                each.is_dead = True
            for effect in self.world.script.effects:
                if effect.what == "renewed":
                    renewed = self.world.begin(person, effect.new)
                    if isinstance(result, LoggedIn):
                        self.world.hand_out(renewed, renewed.generations[0], result.tokens)

    def new_password(self) -> str:
        self.passwords += 1
        return f"a rather good password, no. {self.passwords}"

    @precondition(somebody_is_logged_in)
    @rule(pick=PICKS, step=STEPS, how=st.sampled_from(["log out", "end all"]))
    def revoke_in_the_middle_of_a_refresh(self, pick: int, step: int, how: str) -> None:
        login, token = self.living_one(pick)
        house, own = self.world.house, [login]
        if how == "end all":
            own = [each for each in self.world.logins if each.person is login.person]
        result, _ = self.world.meanwhile(
            lambda: self.world.scripted.refresh(token.refresh),
            step,
            lambda: (
                house.logout(None, token.refresh)
                if how == "log out"
                else self.world.end_all(house, login.person)
            ),
        )
        if isinstance(result, TokenPair):
            self.world.hand_out(login, login.rotate(self.now), result)
        else:
            assert isinstance(result, TokenRejected)
        for each in own:
            each.is_dead = True
        self.world.check_authenticates(login, login.known(0) or token)

    @precondition(somebody_is_logged_in)
    @rule(pick=PICKS, step=STEPS)
    def refresh_in_the_middle_of_a_refresh(self, pick: int, step: int) -> None:
        login, token = self.living_one(pick)
        result, inner = self.world.meanwhile(
            lambda: self.world.scripted.refresh(token.refresh),
            step,
            lambda: self.world.house.refresh(token.refresh),
        )
        assert result == inner
        self.world.hand_out(login, login.rotate(self.now), inner)

    @precondition(somebody_is_logged_in)
    @rule(pick=PICKS, step=STEPS)
    def change_the_password_in_the_middle_of_a_login(self, pick: int, step: int) -> None:
        login, token = self.living_one(pick)
        person, new, house = login.person, self.new_password(), self.world.house
        principal = self.world.run(house.authenticate(token.access))
        result, changed = self.world.meanwhile(
            lambda: self.world.scripted.login(person.email, person.password),
            step,
            lambda: house.change_password(principal, person.password, new),
        )
        person.password = new
        if not isinstance(result, InvalidCredentials):
            self.enter(person, result)
        for each in self.world.logins:
            each.is_dead |= each.person is person
        self.enter(person, changed)


def test_no_order_of_events_breaks_the_protocol(
    sessions_url: str, signer: TokenSigner, devices: Devices
) -> None:
    world = {"url": sessions_url, "signer": signer, "devices": devices}
    machine = type("Machine", (Protocol,), world)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=LENGTH),
    )
