"""Periodic jobs: their times, failures and ends."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import pytest
from structlog.testing import capture_logs

from domain.errors import Unavailable
from doorward.jobs import scheduler
from doorward.jobs.scheduler import Job
from tests.support.builders import NOW, SECOND
from tests.support.doubles import SettableClock
from tests.support.jobs import JobTime

INTERVAL = 5 * SECOND


@dataclass
class Work:
    """
    :ivar started: when the runs began.
    :ivar then: called at the end of each run.
    """

    clock: SettableClock
    started: list[datetime] = field(default_factory=list)
    ended: int = 0
    then: Callable[[], Awaitable[object]] | None = None
    _has_changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> None:
        self.started.append(self.clock())
        self._has_changed.set()
        if self.then is not None:
            await self.then()
        self.ended += 1
        self._has_changed.set()

    async def until(self, is_so: Callable[[Self], bool]) -> None:
        while not is_so(self):
            self._has_changed.clear()
            await self._has_changed.wait()

    @property
    def seconds(self) -> list[float]:
        return [(at - NOW).total_seconds() for at in self.started]


@pytest.fixture
def time() -> JobTime:
    return JobTime(SettableClock(NOW))


@pytest.fixture
def work(time: JobTime) -> Work:
    return Work(time.clock)


@pytest.fixture
def other(time: JobTime) -> Work:
    return Work(time.clock)


async def fail() -> None:
    raise RuntimeError("the store said no")


async def await_what_was_cancelled() -> None:
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    await cancelled


async def reach_no_store() -> None:
    raise Unavailable("sessions")


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_job_runs_after_each_interval(time: JobTime, work: Work) -> None:
    async with time.running(Job("work", work, INTERVAL)):
        await time.elapse(INTERVAL - SECOND)
        assert work.seconds == []
        await time.elapse(2 * INTERVAL + SECOND)

    assert work.seconds == [5, 10, 15]


async def test_an_interval_begins_when_the_run_before_has_ended(time: JobTime, work: Work) -> None:
    async def take_seconds() -> None:
        time.clock.advance(2 * SECOND)

    work.then = take_seconds
    async with time.running(Job("work", work, INTERVAL)):
        await time.elapse(20 * SECOND)

    assert work.seconds == [5, 12, 19]


async def test_jitter_makes_a_pause_shorter_and_never_longer(
    time: JobTime, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", iter([0.0, 0.5, 0.999]).__next__)
    async with time.running(Job("work", work, 10 * SECOND, jitter=0.2)):
        await time.elapse(20 * SECOND)

    assert work.seconds == [10, 19]


@pytest.mark.parametrize("failing", [fail, await_what_was_cancelled])
async def test_a_job_that_fails_runs_again_and_ends_no_other(
    time: JobTime, work: Work, other: Work, failing: Callable[[], Awaitable[None]]
) -> None:
    work.then = failing
    both = Job("work", work, INTERVAL), Job("other", other, INTERVAL)
    with capture_logs() as logs:
        async with time.running(*both):
            await time.elapse(2 * INTERVAL)

    assert work.seconds == other.seconds == [5, 10]
    failure = {"event": "work_failed", "log_level": "error", "exc_info": True}
    assert logs == [failure, failure]


async def test_a_store_that_does_not_answer_is_logged_without_a_traceback(
    time: JobTime, work: Work
) -> None:
    work.then = reach_no_store
    with capture_logs() as logs:
        async with time.running(Job("work", work, INTERVAL)):
            await time.elapse(2 * INTERVAL)

    assert work.seconds == [5, 10]
    failure = {"event": "work_failed", "error": "sessions: no answer", "log_level": "warning"}
    assert logs == [failure, failure]


async def test_a_run_that_takes_long_delays_no_other_job_and_is_not_started_twice(
    time: JobTime, work: Work, other: Work
) -> None:
    work.then = hang
    both = Job("work", work, INTERVAL), Job("other", other, INTERVAL)
    async with time.running(*both, shutdown_timeout=timedelta(0)):
        time.wake_all()
        await other.until(lambda other: other.ended == 1)
        await time.elapse(2 * INTERVAL)

        assert other.ended == 3
        assert len(work.started) == 1


async def test_a_pause_ends_at_once_at_shutdown(time: JobTime, work: Work) -> None:
    async with time.running(Job("work", work, INTERVAL)):
        pass

    assert work.started == []


async def test_a_run_that_shutdown_finds_may_finish(time: JobTime, work: Work) -> None:
    may_finish = asyncio.Event()
    work.then = may_finish.wait
    async with time.running(Job("work", work, INTERVAL)):
        time.wake_all()
        await work.until(lambda work: len(work.started) > 0)
        asyncio.get_running_loop().call_soon(may_finish.set)

    assert (len(work.started), work.ended) == (1, 1)


async def test_a_last_run_follows_at_shutdown_where_the_job_says_so(
    time: JobTime, work: Work, other: Work
) -> None:
    async with time.running(
        Job("work", work, INTERVAL, runs_at_shutdown=True), Job("other", other, INTERVAL)
    ):
        await time.elapse(INTERVAL)

    assert work.seconds == [5, 5]
    assert other.seconds == [5]


async def test_a_last_run_follows_the_one_that_shutdown_finds(time: JobTime, work: Work) -> None:
    may_finish = asyncio.Event()
    work.then = may_finish.wait
    async with time.running(Job("work", work, INTERVAL, runs_at_shutdown=True)):
        time.wake_all()
        await work.until(lambda work: len(work.started) > 0)
        asyncio.get_running_loop().call_soon(may_finish.set)

    assert work.ended == 2


async def test_a_last_run_that_fails_ends_the_shutdown_of_no_other(
    time: JobTime, work: Work, other: Work
) -> None:
    work.then = fail
    async with time.running(
        Job("work", work, INTERVAL, runs_at_shutdown=True),
        Job("other", other, INTERVAL, runs_at_shutdown=True),
    ):
        pass

    assert (work.ended, other.ended) == (0, 1)


async def test_a_run_may_be_cancelled_at_once_at_shutdown_and_finish_what_it_has_begun(
    time: JobTime, work: Work
) -> None:
    finished = asyncio.Event()

    async def finish_after_cancellation() -> None:
        try:
            await hang()
        finally:
            await asyncio.sleep(0)
            finished.set()

    work.then = finish_after_cancellation
    job = Job("work", work, INTERVAL, is_cancelled_at_shutdown=True)
    with capture_logs() as logs:
        async with asyncio.timeout(10), time.running(job, shutdown_timeout=60 * SECOND):
            time.wake_all()
            await work.until(lambda work: len(work.started) > 0)

    assert finished.is_set()
    assert logs == []


@pytest.mark.parametrize("is_running", [False, True], ids=["last run", "current run"])
async def test_shutdown_cancels_a_run_that_does_not_end_in_time_and_no_other(
    time: JobTime, work: Work, other: Work, is_running: bool
) -> None:
    work.then = hang
    both = (
        Job("work", work, INTERVAL, runs_at_shutdown=True),
        Job("other", other, INTERVAL, runs_at_shutdown=True),
    )
    with capture_logs() as logs:
        async with asyncio.timeout(10), time.running(*both, shutdown_timeout=SECOND / 20):
            if is_running:
                time.wake_all()
                await other.until(lambda other: other.ended > 0)

    assert len(work.started) == 1
    assert other.ended == len(other.started) == 1 + is_running
    [warning] = logs
    assert (warning["event"], warning["jobs"]) == ("jobs_cancelled", ["work"])
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("job ")]


async def test_jobs_end_when_the_process_fails(time: JobTime, work: Work) -> None:
    with pytest.raises(InterruptedError):
        async with time.running(Job("work", work, INTERVAL, runs_at_shutdown=True)):
            raise InterruptedError

    assert work.ended == 1


async def test_a_job_runs_by_the_real_clock() -> None:
    has_run = asyncio.Event()

    async def run() -> None:
        has_run.set()

    async with asyncio.timeout(10), scheduler.running([Job("work", run, 0.001 * SECOND)]):
        await has_run.wait()
