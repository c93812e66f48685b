"""Run periodic jobs inside a server process.

The scheduler is a driving adapter, as the HTTP API is: it calls use cases.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from domain.errors import Unavailable

log = structlog.stdlib.get_logger("doorward")

SHUTDOWN_TIMEOUT = timedelta(seconds=2)
"""Docker kills a process after ten seconds, and requests have had seven of them."""

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that each server process repeats.

    :ivar name: snake_case. The log event of a run that fails is ``<name>_failed``.
    :ivar run: one run. After one that fails the next happens as if nothing had been.
    :ivar interval: the longest pause between the end of a run and the start of the next. So runs
        of one job never overlap, and those of a slow store do not pile up.
    :ivar jitter: the share of the interval, from 0 to 1, by which a pause may be shorter, at
        random: processes that start together do not call a store together for ever.
    :ivar runs_at_shutdown: whether one last run saves what the process would otherwise lose.
    :ivar is_cancelled_at_shutdown: whether a current run is cancelled at once, so that it begins
        nothing more. It may finish what it has begun; the timeout cancels it again.
    """

    name: str
    run: Callable[[], Awaitable[object]]
    interval: timedelta
    jitter: float = 0.0
    runs_at_shutdown: bool = False
    is_cancelled_at_shutdown: bool = False


@asynccontextmanager
async def running(
    jobs: Iterable[Job],
    *,
    sleep: Sleep = asyncio.sleep,
    shutdown_timeout: timedelta = SHUTDOWN_TIMEOUT,
) -> AsyncIterator[None]:
    """Repeat the jobs while the block runs, each in a task of its own.

    At the end a current run may finish and the last runs follow. What has not ended within the
    timeout is cancelled.

    :param sleep: how to pause for so many seconds; tests have their own clock.
    """
    repetitions = [_Repetition(job, sleep) for job in jobs]
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(shutdown_timeout.total_seconds()):
                await asyncio.gather(*(each.stop() for each in repetitions))
        except TimeoutError:
            late = [each.job.name for each in repetitions if not each.has_ended]
            log.warning("jobs_cancelled", jobs=late, reason="shutdown_timeout")


class _Repetition:
    """One job and its task."""

    def __init__(self, job: Job, sleep: Sleep) -> None:
        self.job = job
        self.has_ended = False
        self._sleep = sleep
        self._is_sleeping = False
        self._is_stopping = False
        self._task = asyncio.create_task(self._repeat(), name=f"job {job.name}")

    async def stop(self) -> None:
        """Let the current run finish, and do the last one."""
        self._is_stopping = True
        if self._is_sleeping or self.job.is_cancelled_at_shutdown:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.job.runs_at_shutdown:
            await self._run()
        self.has_ended = True

    async def _repeat(self) -> None:
        while not self._is_stopping:
            await self._pause()
            await self._run()

    async def _pause(self) -> None:
        shorter = self.job.jitter * random.random()  # noqa: S311 - spreads load, guards nothing
        self._is_sleeping = True
        await self._sleep(self.job.interval.total_seconds() * (1 - shorter))
        self._is_sleeping = False

    async def _run(self) -> None:
        failed = f"{self.job.name}_failed"
        try:
            await self.job.run()
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            log.exception(failed)  # not this task was cancelled, but something that it awaited
        except Unavailable as error:
            log.warning(failed, error=str(error))
        except Exception:
            log.exception(failed)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
