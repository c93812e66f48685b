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
    PICKS,
    USERS,
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
    scenario: NearScenario
    set_clock: ClassVar[Callable[[Callable[[], datetime]], None]]
    seen: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.scenario.close()
        self.scenario = NearScenario(self.signer, self.devices, (100, 100))
        type(self).set_clock(self.scenario.world.clock)

    def teardown(self) -> None:
        super().teardown()
        self.seen["stale"] += self.scenario.stale
        self.seen["answered_from_cache"] += self.scenario.answered_from_cache

    @initialize(max_users_of_each=MAX_USERS)
    def both_connect(self, max_users_of_each: tuple[int, int]) -> None:
        for worker, max_users in zip(self.scenario.workers, max_users_of_each, strict=True):
            worker.users._cache._max_users = worker.sessions._cache._max_users = max_users
            worker.feed.connect()
            worker.feed.deliver(1)

    @rule(one=WORKERS, other=WORKERS)
    def another_worker_acts(self, one: int, other: int) -> None:
        self.scenario.act(one, other)

    # The feeds

    @rule(moment=MOMENTS, delivered=st.tuples(DELIVERED, DELIVERED))
    def a_moment_passes(self, moment: timedelta, delivered: tuple[int, int]) -> None:
        self.advance_the_clock(moment)
        for worker, number in zip(self.scenario.workers, delivered, strict=True):
            worker.feed.probe()
            worker.feed.deliver(number)

    @rule(number=WORKERS)
    def a_feed_is_up_to_date(self, number: int) -> None:
        feed = self.scenario.workers[number].feed
        feed.connect()
        feed.probe()
        feed.deliver(1000)

    @rule(number=WORKERS, messages=DELIVERED)
    def messages_are_delivered(self, number: int, messages: int) -> None:
        self.scenario.workers[number].feed.deliver(messages)

    @rule(number=WORKERS)
    def a_feed_is_cut(self, number: int) -> None:
        self.scenario.workers[number].feed.cut()

    @rule(number=WORKERS)
    def a_feed_reconnects(self, number: int) -> None:
        self.scenario.workers[number].feed.connect()

    # Clients

    def cached_everywhere(self, pick: int) -> tuple[Login, Generation]:
        """Make both workers cache a logged-in user."""
        for number in range(2):
            self.a_feed_is_up_to_date(number)
        if not self.live_logins():
            self.disable_or_enable_a_user(0, disabled=False)
            user_model = self.scenario.users[0]
            self.begin_login(
                user_model,
                self.scenario.run(self.scenario.world.login(user_model.email, PASSWORD)),
            )
            self.a_feed_is_up_to_date(0)
            self.a_feed_is_up_to_date(1)
        login, token = self.live_login(pick)
        self.scenario.check_authenticates(login, token)
        for worker in self.scenario.workers:
            is_cached = worker.world.authenticate_from_cache(token.access) is not None
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
            self.end_all_sessions(self.scenario.users.index(login.user_model))
        elif how == "disable":
            self.disable_or_enable_a_user(
                self.scenario.users.index(login.user_model), disabled=True
            )
        else:
            for _ in range(2):
                self.refresh_with(login, login.generations[-1])
            self.refresh_with(login, token)
        self.scenario.check_authenticates(login, token)
        for moment, one, other in course:
            self.a_moment_passes(moment, (one, other))
            self.scenario.check_authenticates(login, token)

    def refresh_with(
        self, login: Login, token: Generation, crash_at: tuple[int, bool] | None = None
    ) -> None:
        """A worker may act for a moment on a stale user, but never on a stale session."""
        user_model, truth = login.user_model, login.user_model.is_disabled
        user_model.is_disabled = self.scenario.seen_disabled(user_model)
        try:
            super().refresh_with(login, token, crash_at)
        finally:
            user_model.is_disabled = truth

    @precondition(lambda machine: len(machine.live_logins()) > 1)
    @rule(pick=PICKS, age=AGES, kind=st.sampled_from(["access", "refresh"]), crash_at=CRASHES)
    def log_out(self, pick: int, age: int, kind: str, crash_at: tuple[int, bool] | None) -> None:
        self.log_out_with(*self.choose(pick, age), kind, crash_at)

    def log_out_with(
        self, login: Login, token: Generation, kind: str, crash_at: tuple[int, bool] | None
    ) -> None:
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
        self.scenario.check_authenticates(login, token)

    @precondition(lambda machine: len(machine.live_logins()) > 1)
    @rule(number=USERS)
    def end_all_sessions(self, number: int) -> None:
        user_model = self.scenario.users[number]
        self.scenario.run(self.scenario.delete_sessions(self.scenario.scripted, user_model))
        for login in self.scenario.logins:
            login.is_revoked |= login.user_model is user_model

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
        self.scenario.workers[empties_cache_of].feed._publish(None)
        done = False

        async def log_out_and_deliver() -> None:
            nonlocal done
            done = True
            await self.scenario.world.logout(None, token.refresh)
            self.act_on_the_feeds(feeds)

        self.scenario.script.plan(log_out_and_deliver, step, after=after)
        try:
            self.scenario.run(self.scenario.scripted.authenticate(token.access))
        except TokenRejected:
            assert done
        if not done:
            self.scenario.script.plan(None, -1, after=False)
            self.scenario.run(log_out_and_deliver())
        login.is_revoked = True
        self.scenario.check_authenticates(login, token)

    def act_on_the_feeds(self, feeds: tuple[str, str]) -> None:
        for worker, what in zip(self.scenario.workers, feeds, strict=True):
            if what in {"cut", "reconnected"}:
                worker.feed.cut()
            if what == "reconnected":
                worker.feed.connect()
            if what in {"delivered", "reconnected"}:
                worker.feed.probe()
                worker.feed.deliver(1000)
        if "late" in feeds:
            self.advance_the_clock(BOUND - SECOND)


def test_in_no_order_of_events_a_cached_record_outlives_the_bound(
    quick_signer: JwtSigner, devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {"stale": 0, "answered_from_cache": 0}
    scenario = {
        "url": "memory:",
        "signer": quick_signer,
        "devices": devices,
        "set_clock": staticmethod(drive_the_time(monkeypatch)),
        "seen": seen,
    }
    machine = type("Machine", (NearCaches,), scenario)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=LENGTH),
    )
    # The cache was used, and so were stale records.
    assert seen["answered_from_cache"] > EXAMPLES, seen
    assert seen["stale"] > EXAMPLES, seen
