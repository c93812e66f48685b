"""Run jobs of the scheduler on a clock that the test sets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from doorward.jobs import scheduler
from doorward.jobs.scheduler import Job
from tests.support.doubles import SettableClock


@dataclass
class JobTime:
    """Time that passes when the test says so, for jobs and for the use cases that they call.

    ::

        time = JobTime(clock)
        async with time.running(job):
            await time.elapse(job.interval)  # and the job has run once
    """

    clock: SettableClock
    _sleeping: dict[asyncio.Future[None], datetime] = field(default_factory=dict)
    _falls_asleep: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(
        self, *jobs: Job, shutdown_timeout: timedelta = scheduler.SHUTDOWN_TIMEOUT
    ) -> AsyncIterator[None]:
        """Repeat the jobs, as a server process does."""
        async with scheduler.running(jobs, sleep=self._sleep, shutdown_timeout=shutdown_timeout):
            while len(self._sleeping) < len(jobs):
                await self._until_one_falls_asleep()
            yield

    async def elapse(self, time: timedelta) -> None:
        """Let time pass. Each run that becomes due ends before any later moment comes."""
        end = self.clock() + time
        while self._sleeping and min(self._sleeping.values()) <= end:
            self._wake_first()
            await self._until_one_falls_asleep()
        self.clock.now = end

    def wake_all(self) -> None:
        """End all pauses, and wait for no run."""
        while self._sleeping:
            self._wake_first()

    def _wake_first(self) -> None:
        first = min(self._sleeping, key=self._sleeping.__getitem__)
        self.clock.now = max(self.clock(), self._sleeping.pop(first))
        first.set_result(None)

    async def _until_one_falls_asleep(self) -> None:
        self._falls_asleep.clear()
        await self._falls_asleep.wait()

    async def _sleep(self, seconds: float) -> None:
        pause = asyncio.get_running_loop().create_future()
        self._sleeping[pause] = self.clock() + timedelta(seconds=seconds)
        self._falls_asleep.set()
        try:
            await pause
        finally:
            self._sleeping.pop(pause, None)
