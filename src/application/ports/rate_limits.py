"""Counters of attempts."""

from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Protocol

from domain.rate_limit import Usage


class RateLimiter(Protocol):
    """Counts attempts. What is too many is the domain's to say (``Usage``)."""

    @abstractmethod
    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        """Count one more attempt under this key. The first one opens a window; so does the first
        after its end.

        Of any number of parallel calls, by however many processes, each gets another count.

        :param key: at most 100 characters, of ASCII; it holds nothing personal.
        """

    @abstractmethod
    async def forget(self, key: str) -> None:
        """Close the key's window, if there is one."""
