"""Near caches of two workers, whose invalidations arrive late or not at all.

In any order of events a revoked session is rejected by each worker that has received the
invalidation, by all workers once the bound has passed, and at once by the worker that revoked it.
No valid session is rejected because of cached data, and no refresh ends a session because of it.
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

pytestmark = pytest.mark.slow

EXAMPLES, LENGTH = 150, 40
WORKERS = st.integers(0, 1)
MOMENTS = st.sampled_from([MICROSECOND, BOUND / 4, BOUND / 2, BOUND - MICROSECOND, BOUND])
DELIVERED = st.sampled_from([0, 1, 2, 100])
MAX_USERS = st.sampled_from([(1, 100), (1, 1), (100, 100), (2, 100)])


class NearCaches(Logins):
    world: NearScenario
    set_clock: ClassVar[Callable[[Callable[[], datetime]], None]]
    seen: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.world.close()
        self.world = NearScenario(self.signer, self.devices, (100, 100))
        type(self).set_clock(self.world.house.clock)

    def teardown(self) -> None:
        super().teardown()
        self.seen["stale"] += self.world.stale
        self.seen["answered_from_cache"] += self.world.answered_from_cache

    @initialize(max_users_of_each=MAX_USERS)
    def both_connect(self, max_users_of_each: tuple[int, int]) -> None:
        for worker, max_users in zip(self.world.workers, max_users_of_each, strict=True):
            worker.users._cache._max_users = worker.sessions._cache._max_users = max_users
            worker.feed.connect()
            worker.feed.deliver(1)

    @rule(one=WORKERS, other=WORKERS)
    def another_worker_acts(self, one: int, other: int) -> None:
        self.world.act(one, other)

    # The feeds

    @rule(moment=MOMENTS, delivered=st.tuples(DELIVERED, DELIVERED))
    def a_moment_passes(self, moment: timedelta, delivered: tuple[int, int]) -> None:
        self.time_passes(moment)
        for worker, number in zip(self.world.workers, delivered, strict=True):
            worker.feed.probe()
            worker.feed.deliver(number)

    @rule(number=WORKERS)
    def a_feed_is_up_to_date(self, number: int) -> None:
        feed = self.world.workers[number].feed
        feed.connect()
        feed.probe()
        feed.deliver(1000)

    @rule(number=WORKERS, messages=DELIVERED)
    def messages_are_delivered(self, number: int, messages: int) -> None:
        self.world.workers[number].feed.deliver(messages)

    @rule(number=WORKERS)
    def a_feed_is_cut(self, number: int) -> None:
        self.world.workers[number].feed.cut()

    @rule(number=WORKERS)
    def a_feed_reconnects(self, number: int) -> None:
        self.world.workers[number].feed.connect()

    # Clients

    def cached_everywhere(self, pick: int) -> tuple[Login, Generation]:
        """Make both workers cache a user who is logged in."""
        for number in range(2):
            self.a_feed_is_up_to_date(number)
        if not self.living():
            self.somebody_is_disabled_or_enabled(0, disabled=False)
            person = self.world.people[0]
            self.enter(person, self.world.run(self.world.house.login(person.email, PASSWORD)))
            self.a_feed_is_up_to_date(0)
            self.a_feed_is_up_to_date(1)
        login, token = self.living_one(pick)
        self.world.check_authenticates(login, token)
        for worker in self.world.workers:
            is_cached = worker.house.authenticate_from_cache(token.access) is not None
            assert is_cached or worker.users._cache._max_users == 1
        return login, token

    @rule(
        pick=PICKS,
        how=st.sampled_from(["log out", "end all", "disable", "steal"]),
        course=st.lists(st.tuples(MOMENTS, DELIVERED, DELIVERED), min_size=1, max_size=4),
    )
    def a_session_ends_on_one_worker(
        self, pick: int, how: str, course: list[tuple[timedelta, int, int]]
    ) -> None:
        """The other worker receives that later, or the bound passes."""
        login, token = self.cached_everywhere(pick)
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
        """A worker may act for a moment on a stale user, but never on a stale session."""
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
        empties_cache_of=st.booleans(),
        feeds=st.tuples(
            *[st.sampled_from(["silent", "delivered", "cut", "reconnected", "late"])] * 2
        ),
    )
    def a_session_ends_during_a_read(
        self, pick: int, step: int, after: bool, empties_cache_of: bool, feeds: tuple[str, str]
    ) -> None:
        """The read has begun when the session ends, and its result arrives thereafter."""
        login, token = self.cached_everywhere(pick)
        self.world.workers[empties_cache_of].feed._publish(None)
        done = False

        async def log_out_and_deliver() -> None:
            nonlocal done
            done = True
            await self.world.house.logout(None, token.refresh)
            self.act_on_the_feeds(feeds)

        self.world.script.plan(log_out_and_deliver, step, after=after)
        try:
            self.world.run(self.world.scripted.authenticate(token.access))
        except TokenRejected:
            assert done
        if not done:
            self.world.script.plan(None, -1, after=False)
            self.world.run(log_out_and_deliver())
        login.is_dead = True
        self.world.check_authenticates(login, token)

    def act_on_the_feeds(self, feeds: tuple[str, str]) -> None:
        for worker, what in zip(self.world.workers, feeds, strict=True):
            if what in {"cut", "reconnected"}:
                worker.feed.cut()
            if what == "reconnected":
                worker.feed.connect()
            if what in {"delivered", "reconnected"}:
                worker.feed.probe()
                worker.feed.deliver(1000)
        if "late" in feeds:
            self.time_passes(BOUND - SECOND)


def test_in_no_order_of_events_a_cached_record_outlives_the_bound(
    signer: JwtSigner, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {"stale": 0, "answered_from_cache": 0}
    world = {
        "url": "memory:",
        "signer": signer,
        "devices": devices,
        "set_clock": staticmethod(drive_the_time(monkeypatch)),
        "seen": seen,
    }
    machine = type("Machine", (NearCaches,), world)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=LENGTH),
    )
    # The cache was used, and so were stale records.
    assert seen["answered_from_cache"] > EXAMPLES, seen
    assert seen["stale"] > EXAMPLES, seen
