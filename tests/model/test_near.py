"""Copies in two workers, of which neither hears at once what the other does, or at all.

In any order of events a session that has ended is accepted by nobody who has heard of it, by
nobody at all once the bound has passed, and never by the worker that ended it; nobody who is
honest is refused because of a copy, and a refresh never ends a session because of one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from application.ports import Devices
from domain.errors import TokenRejected
from infrastructure.signing.jwt_signer import JwtSigner
from tests.model.logins import (
    AGES,
    CRASHES,
    PEOPLE,
    PICKS,
    Logins,
)
from tests.model.model import SECOND, Answer, Generation, Login
from tests.model.near import BOUND, NearScenario, drive_the_time
from tests.model.steps import Crash
from tests.support.builders import MICROSECOND, PASSWORD

EXAMPLES, LENGTH = 150, 40
WORKERS = st.integers(0, 1)
MOMENTS = st.sampled_from([MICROSECOND, BOUND / 4, BOUND / 2, BOUND - MICROSECOND, BOUND])
ARRIVING = st.sampled_from([0, 1, 2, 100])
ROOM = st.sampled_from([(1, 100), (1, 1), (100, 100), (2, 100)])


class Copies(Logins):
    world: NearScenario
    look_at: ClassVar[Callable[[Callable[[], datetime]], None]]
    seen: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.world.close()
        self.world = NearScenario(self.signer, self.devices, (100, 100))
        type(self).look_at(self.world.house.clock)

    def teardown(self) -> None:
        super().teardown()
        self.seen["stale"] += self.world.stale
        self.seen["copied"] += self.world.copied

    @initialize(most=ROOM)
    def both_connect(self, most: tuple[int, int]) -> None:
        for worker, room in zip(self.world.workers, most, strict=True):
            worker.users._cache._max_users = worker.sessions._cache._max_users = room
            worker.line.connect()
            worker.line.arrive(1)

    @rule(one=WORKERS, other=WORKERS)
    def somebody_else_acts(self, one: int, other: int) -> None:
        self.world.act(one, other)

    # The lines

    @rule(moment=MOMENTS, arriving=st.tuples(ARRIVING, ARRIVING))
    def a_moment_passes(self, moment: timedelta, arriving: tuple[int, int]) -> None:
        self.time_passes(moment)
        for worker, number in zip(self.world.workers, arriving, strict=True):
            worker.line.ask()
            worker.line.arrive(number)

    @rule(number=WORKERS)
    def all_is_well(self, number: int) -> None:
        line = self.world.workers[number].line
        line.connect()
        line.ask()
        line.arrive(1000)

    @rule(number=WORKERS, messages=ARRIVING)
    def messages_arrive(self, number: int, messages: int) -> None:
        self.world.workers[number].line.arrive(messages)

    @rule(number=WORKERS)
    def a_line_is_cut(self, number: int) -> None:
        self.world.workers[number].line.cut()

    @rule(number=WORKERS)
    def a_line_is_mended(self, number: int) -> None:
        self.world.workers[number].line.connect()

    # What people do

    def known_everywhere(self, pick: int) -> tuple[Login, Generation]:
        """Both workers have copies of somebody who is logged in."""
        for number in range(2):
            self.all_is_well(number)
        if not self.living():
            self.somebody_is_disabled_or_enabled(0, disabled=False)
            person = self.world.people[0]
            self.enter(person, self.world.run(self.world.house.login(person.email, PASSWORD)))
            self.all_is_well(0)
            self.all_is_well(1)
        login, token = self.living_one(pick)
        self.world.check_authenticates(login, token)
        for worker in self.world.workers:
            is_at_hand = worker.house.authenticate_from_cache(token.access) is not None
            assert is_at_hand or worker.users._cache._max_users == 1
        return login, token

    @rule(
        pick=PICKS,
        how=st.sampled_from(["log out", "end all", "disable", "steal"]),
        course=st.lists(st.tuples(MOMENTS, ARRIVING, ARRIVING), min_size=1, max_size=4),
    )
    def somebody_is_known_no_longer(
        self, pick: int, how: str, course: list[tuple[timedelta, int, int]]
    ) -> None:
        """One worker ends it. The other hears of it later, or the bound passes."""
        login, token = self.known_everywhere(pick)
        if how == "log out":
            self.log_out_with(login, token, "refresh", None)
        elif how == "end all":
            self.end_all_sessions(self.world.people.index(login.person))
        elif how == "disable":
            self.somebody_is_disabled_or_enabled(
                self.world.people.index(login.person), disabled=True
            )
        else:
            for _ in range(2):
                self.refresh_with(login, login.generations[-1])
            self.refresh_with(login, token)
        self.world.check_authenticates(login, token)
        for moment, one, other in course:
            self.a_moment_passes(moment, (one, other))
            self.world.check_authenticates(login, token)

    def refresh_with(
        self, login: Login, token: Generation, crash_at: tuple[int, bool] | None = None
    ) -> None:
        """A worker may believe for a moment what is no longer true, but only of the user."""
        person, truth = login.person, login.person.is_disabled
        person.is_disabled = self.world.seen_disabled(person)
        try:
            super().refresh_with(login, token, crash_at)
        finally:
            person.is_disabled = truth

    @precondition(lambda machine: len(machine.living()) > 1)
    @rule(pick=PICKS, age=AGES, kind=st.sampled_from(["access", "refresh"]), crash_at=CRASHES)
    def log_out(self, pick: int, age: int, kind: str, crash_at: tuple[int, bool] | None) -> None:
        self.log_out_with(*self.chosen(pick, age), kind, crash_at)

    def log_out_with(
        self, login: Login, token: Generation, kind: str, crash_at: tuple[int, bool] | None
    ) -> None:
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
        self.world.check_authenticates(login, token)

    @precondition(lambda machine: len(machine.living()) > 1)
    @rule(number=PEOPLE)
    def end_all_sessions(self, number: int) -> None:
        person = self.world.people[number]
        self.world.run(self.world.end_all(self.world.scripted, person))
        for login in self.world.logins:
            login.is_dead |= login.person is person

    @rule(
        pick=PICKS,
        step=st.integers(0, 2),
        after=st.booleans(),
        is_forgotten=st.booleans(),
        lines=st.tuples(*[st.sampled_from(["silent", "told", "cut", "made anew", "late"])] * 2),
    )
    def log_out_while_somebody_looks(
        self, pick: int, step: int, after: bool, is_forgotten: bool, lines: tuple[str, str]
    ) -> None:
        """The look has begun when the session ends, and its result comes thereafter."""
        login, token = self.known_everywhere(pick)
        self.world.workers[is_forgotten].line._publish(None)
        done = False

        async def log_out_and_tell() -> None:
            nonlocal done
            done = True
            await self.world.house.logout(None, token.refresh)
            self.tell_in_the_middle(lines)

        self.world.script.plan(log_out_and_tell, step, after=after)
        try:
            self.world.run(self.world.scripted.authenticate(token.access))
        except TokenRejected:
            assert done
        if not done:
            self.world.script.plan(None, -1, after=False)
            self.world.run(log_out_and_tell())
        login.is_dead = True
        self.world.check_authenticates(login, token)

    def tell_in_the_middle(self, lines: tuple[str, str]) -> None:
        for worker, what in zip(self.world.workers, lines, strict=True):
            if what in {"cut", "made anew"}:
                worker.line.cut()
            if what == "made anew":
                worker.line.connect()
            if what in {"told", "made anew"}:
                worker.line.ask()
                worker.line.arrive(1000)
        if "late" in lines:
            self.time_passes(BOUND - SECOND)


def test_no_order_of_events_makes_a_copy_outlive_its_time(
    signer: JwtSigner, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {"stale": 0, "copied": 0}
    world = {
        "url": "memory:",
        "signer": signer,
        "devices": devices,
        "look_at": staticmethod(drive_the_time(monkeypatch)),
        "seen": seen,
    }
    machine = type("Machine", (Copies,), world)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=LENGTH),
    )
    # The test has seen what it is about.
    assert seen["copied"] > EXAMPLES, seen
    assert seen["stale"] > EXAMPLES, seen
