"""Counters of attempts in this process's memory."""

from datetime import datetime, timedelta
from itertools import islice

from application.ports import RateLimiter
from domain.rate_limit import Usage


class MemoryRateLimiter(RateLimiter):
    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}

    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        usage = Usage.after(self._usage.get(key), window, now)
        if usage.count == 1:
            self._purge(now)
        self._usage[key] = usage
        return usage

    async def has_window(self, key: str, now: datetime) -> bool:
        usage = self._usage.get(key)
        return usage is not None and now < usage.resets_at

    async def forget(self, key: str) -> None:
        self._usage.pop(key, None)

    def _purge(self, now: datetime) -> None:
        """Delete those of the first 100 windows that have ended, and move the others behind."""
        for key in list(islice(self._usage, 100)):
            usage = self._usage.pop(key)
            if now < usage.resets_at:
                self._usage[key] = usage
