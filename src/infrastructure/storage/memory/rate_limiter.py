"""Counters of attempts in this process's memory."""

from datetime import datetime, timedelta
from itertools import islice

from application.ports import RateLimiter
from domain.rate_limit import Usage


class MemoryRateLimiter(RateLimiter):
    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        usage = self._usage.get(key)
        if usage is None or usage.resets_at <= now:
            self._purge(now)
            usage = Usage(0, now + window)
        self._usage[key] = Usage(usage.count + 1, usage.resets_at)
        return self._usage[key]

    async def forget(self, key: str) -> None:
        self._usage.pop(key, None)

    def _purge(self, now: datetime) -> None:
        """Delete some windows that have ended: the oldest were inserted first, more or less."""
        for key in list(islice(self._usage, 100)):
            if self._usage[key].resets_at <= now:
                del self._usage[key]
