"""Logins, refreshes and revocations in any order, with crashes and concurrent calls.

A session always has one live successor, a revocation is permanent, and no honest user is logged
out. The methods, the level and a step-up survive each refresh, are raised by none, and end with
the session.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from application.login.complete import LoggedIn, TokenPair
from application.ports import Devices, TokenSigner
from domain.errors import (
    AuthError,
    InvalidCredentials,
    SecondFactorInvalid,
    StepUpRequired,
    TokenRejected,
    WrongPassword,
)
from tests.model.logins import (
    AGES,
    CRASHES,
    PICKS,
    USERS,
    WRONG,
    Logins,
    has_a_live_login,
    has_a_login,
)
from tests.model.model import Answer, Login, read
from tests.model.steps import Crash

pytestmark = pytest.mark.slow

EXAMPLES, LENGTH = 60, 30
EXAMPLES_ON_A_SERVER_OR_FILE = 15
"""The contract tests decide what a store does; these, that the protocol needs no more of it."""

STEPS = st.integers(0, 4)


class Protocol(Logins):
    @precondition(lambda machine: len(machine.live_logins()) > 1)
    @rule(pick=PICKS, age=AGES, kind=st.sampled_from(["access", "refresh"]), crash_at=CRASHES)
    def log_out(self, pick: int, age: int, kind: str, crash_at: tuple[int, bool] | None) -> None:
        login, token = self.choose(pick, age)
        tokens = (token.access, None) if kind == "access" else (None, token.refresh)
        result = self.scenario.attempt(lambda: self.scenario.scripted.logout(*tokens), crash_at)
        if isinstance(result, Crash):
            self.scenario.apply_partial_effects(("deleted", login.id))
        elif result is None:
            assert token.answer(kind, self.now) is not Answer.BAD
            login.is_revoked = True
        else:
            assert isinstance(result, TokenRejected)
            assert token.answer(kind, self.now) is not Answer.GOOD

    @precondition(lambda machine: len(machine.live_logins()) > 1)
    @rule(one=PICKS, other=PICKS)
    def log_out_with_tokens_of_two_sessions(self, one: int, other: int) -> None:
        (login, token), (second, second_token) = self.choose(one), self.choose(other)
        result = self.scenario.attempt(
            lambda: self.scenario.scripted.logout(token.access, second_token.refresh)
        )
        self.scenario.apply_partial_effects(("deleted", login.id), ("deleted", second.id))
        for each, kind, used in ((login, "access", token), (second, "refresh", second_token)):
            assert each.is_revoked or used.answer(kind, self.now) is not Answer.GOOD
        assert result is None or isinstance(result, TokenRejected)

    @precondition(lambda machine: len(machine.live_logins()) > 1)
    @rule(number=USERS, crash_at=CRASHES)
    def end_all_sessions(self, number: int, crash_at: tuple[int, bool] | None) -> None:
        user_model = self.scenario.users[number]
        result = self.scenario.attempt(
            lambda: self.scenario.delete_sessions(self.scenario.scripted, user_model), crash_at
        )
        own = [login for login in self.scenario.logins if login.user_model is user_model]
        self.scenario.apply_partial_effects(*(("deleted", login.id) for login in own))
        assert isinstance(result, Crash) or all(login.has_ended(self.now) for login in own)

    @precondition(has_a_live_login)
    @rule(pick=PICKS, is_right=st.sampled_from([True, True, False]), crash_at=CRASHES)
    def change_the_password(
        self, pick: int, is_right: bool, crash_at: tuple[int, bool] | None
    ) -> None:
        login, token = self.live_login(pick)
        user_model, new = login.user_model, self.new_password()
        current = user_model.password if is_right else WRONG
        principal = self.scenario.run(self.scenario.world.authenticate(token.access))
        result = self.scenario.attempt(
            lambda: self.scenario.scripted.change_password(principal, current, new), crash_at
        )
        own = [each for each in self.scenario.logins if each.user_model is user_model]
        done = [(effect.what, effect.of) for effect in self.scenario.script.effects]
        gone = [("deleted", other.id) for other in own if other is not login]
        allowed = [("replaced", "user"), ("renewed", login.id), *gone]
        is_step_up = not user_model.has_factor or login.allows_sensitive_steps(self.now)
        is_allowed = is_right and is_step_up
        assert set(done) <= set(allowed * is_allowed)
        if not isinstance(result, Crash):
            refusal = WrongPassword if is_step_up else StepUpRequired
            assert isinstance(result, LoggedIn if is_allowed else refusal)
            assert (("replaced", "user") in done) is is_allowed
        if ("replaced", "user") in done:
            # With that one step, whatever crashes after it.
            user_model.password = new
            for each in own:
                each.is_revoked = True
            for effect in self.scenario.script.effects:
                if effect.what == "renewed":
                    renewed = self.scenario.begin(user_model, effect.new, login.methods)
                    if isinstance(result, LoggedIn):
                        self.scenario.issue(renewed, renewed.generations[0], result.tokens)

    def new_password(self) -> str:
        self.passwords += 1
        return f"a rather good password, no. {self.passwords}"

    @rule(number=st.sampled_from([0, 1]))
    def enrol_a_second_factor(self, number: int) -> None:
        user_model = self.scenario.users[number]
        if user_model.has_factor:
            return
        self.scenario.run(self.scenario.enrol(user_model))
        user_model.has_factor = True
        for each in self.scenario.logins:
            each.is_revoked |= each.user_model is user_model

    @precondition(has_a_login)
    @rule(pick=PICKS, age=AGES)
    def take_a_sensitive_step(self, pick: int, age: int) -> None:
        self.scenario.check_sensitive_step(*self.choose(pick, age))

    @precondition(has_a_live_login)
    @rule(
        pick=PICKS,
        method=st.sampled_from(["password", "totp"]),
        is_right=st.sampled_from([True, True, False]),
        crash_at=CRASHES,
    )
    def step_up(
        self, pick: int, method: str, is_right: bool, crash_at: tuple[int, bool] | None
    ) -> None:
        login, token = self.live_login(pick)
        user_model = login.user_model
        principal = self.scenario.run(self.scenario.world.authenticate(token.access))
        proof = self.scenario.proof(user_model, method, is_right=is_right)
        result = self.scenario.attempt(
            lambda: self.scenario.scripted.step_up(principal, proof), crash_at
        )
        is_strongest = method == user_model.strongest
        done = [(effect.what, effect.of) for effect in self.scenario.script.effects]
        assert set(done) <= set([("renewed", login.id)] * (is_right and is_strongest))
        for effect in self.scenario.script.effects:
            self.replace_login(login, effect.new, method, result)
        if isinstance(result, Crash):
            return
        if is_right and is_strongest:
            assert isinstance(result, TokenPair), result
            assert done
        elif is_strongest:
            assert isinstance(result, WrongPassword | SecondFactorInvalid)
        else:
            assert isinstance(result, StepUpRequired)

    @precondition(has_a_live_login)
    @rule(pick=PICKS)
    def refresh_after_a_step_up(self, pick: int) -> None:
        login, _ = self.live_login(pick)
        self.step_up(pick, login.user_model.strongest, is_right=True, crash_at=None)
        stepped_up = self.scenario.logins[-1]
        self.refresh_with(stepped_up, stepped_up.generations[0])
        self.scenario.check_sensitive_step(stepped_up, stepped_up.generations[-1])

    def replace_login(self, login: Login, session_id: str, method: str, result: object) -> None:
        """Begin the login that a step-up has put in place of another one."""
        login.is_revoked = True
        renewed = self.scenario.begin(
            login.user_model, session_id, login.methods | {method}, is_stepped_up=True
        )
        if isinstance(result, TokenPair):
            self.scenario.issue(renewed, renewed.generations[0], result)

    @precondition(has_a_live_login)
    @rule(pick=PICKS, step=STEPS, how=st.sampled_from(["refresh", "log out", "step up"]))
    def act_in_the_middle_of_a_step_up(self, pick: int, step: int, how: str) -> None:
        login, token = self.live_login(pick)
        world, method = self.scenario.world, login.user_model.strongest
        principal = self.scenario.run(world.authenticate(token.access))
        proof = self.scenario.proof(login.user_model, method)

        async def act() -> object:
            try:
                if how == "refresh":
                    return await world.refresh(token.refresh)
                if how == "step up":
                    return await world.step_up(principal, proof)
                await world.logout(None, token.refresh)
            except AuthError as error:
                return error
            return None

        result, inner = self.scenario.meanwhile(
            lambda: self.scenario.scripted.step_up(principal, proof), step, act
        )
        if how == "refresh" and isinstance(inner, TokenPair):
            self.scenario.issue(login, login.rotate(self.now), inner)
        login.is_revoked = True
        answers = [result, inner] if how == "step up" else [result]
        won = [each for each in answers if isinstance(each, TokenPair)]
        assert len(won) == 1 or how == "log out"
        for pair in won:
            self.replace_login(login, read(pair.access)["sid"], method, pair)
        self.scenario.check_authenticates(login, login.known(0) or token)

    @precondition(has_a_live_login)
    @rule(pick=PICKS, step=STEPS, how=st.sampled_from(["log out", "end all"]))
    def revoke_in_the_middle_of_a_refresh(self, pick: int, step: int, how: str) -> None:
        login, token = self.live_login(pick)
        world, own = self.scenario.world, [login]
        if how == "end all":
            own = [each for each in self.scenario.logins if each.user_model is login.user_model]
        result, _ = self.scenario.meanwhile(
            lambda: self.scenario.scripted.refresh(token.refresh),
            step,
            lambda: (
                world.logout(None, token.refresh)
                if how == "log out"
                else self.scenario.delete_sessions(world, login.user_model)
            ),
        )
        if isinstance(result, TokenPair):
            self.scenario.issue(login, login.rotate(self.now), result)
        else:
            assert isinstance(result, TokenRejected)
        for each in own:
            each.is_revoked = True
        self.scenario.check_authenticates(login, login.known(0) or token)

    @precondition(has_a_live_login)
    @rule(pick=PICKS, step=STEPS)
    def refresh_in_the_middle_of_a_refresh(self, pick: int, step: int) -> None:
        login, token = self.live_login(pick)
        result, inner = self.scenario.meanwhile(
            lambda: self.scenario.scripted.refresh(token.refresh),
            step,
            lambda: self.scenario.world.refresh(token.refresh),
        )
        assert result == inner
        self.scenario.issue(login, login.rotate(self.now), inner)

    @precondition(has_a_live_login)
    @rule(pick=PICKS, step=STEPS)
    def change_the_password_in_the_middle_of_a_login(self, pick: int, step: int) -> None:
        login, token = self.live_login(pick)
        user_model, new, world = login.user_model, self.new_password(), self.scenario.world
        if user_model.has_factor:
            return  # a step-up would have to come first
        principal = self.scenario.run(world.authenticate(token.access))
        result, changed = self.scenario.meanwhile(
            lambda: self.scenario.scripted.login(user_model.email, user_model.password),
            step,
            lambda: world.change_password(principal, user_model.password, new),
        )
        user_model.password = new
        if not isinstance(result, InvalidCredentials):
            self.begin_login(user_model, result)
        for each in self.scenario.logins:
            each.is_revoked |= each.user_model is user_model
        self.begin_login(user_model, changed)


def test_no_order_of_events_breaks_the_protocol(
    sessions_url: str, quick_signer: TokenSigner, devices: Devices
) -> None:
    scenario = {"url": sessions_url, "signer": quick_signer, "devices": devices}
    machine = type("Machine", (Protocol,), scenario)
    examples = EXAMPLES if sessions_url == "memory:" else EXAMPLES_ON_A_SERVER_OR_FILE
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=LENGTH),
    )
