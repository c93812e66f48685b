"""Counters of attempts."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from domain.rate_limit import Usage

ReportMailLimit = Callable[[], None]
"""Report to the operator that the limit of mails of all clients together is used up."""


class RateLimiter(Protocol):
    """Counts attempts. The domain decides how many are too many (``Usage.check``)."""

    @abstractmethod
    async def count(self, key: str, window: timedelta, now: datetime) -> Usage:
        """Count one more attempt under this key.

        The first attempt opens a window, and so does the first one after a window has ended. Of
        parallel calls, in any number of processes, each gets another count.

        :param key: at most 100 ASCII characters, without personal data.
        """

    @abstractmethod
    async def has_window(self, key: str, now: datetime) -> bool:
        """Return whether the key has a window that has not ended. It counts nothing."""

    @abstractmethod
    async def forget(self, key: str) -> None:
        """Close the key's window, if there is one."""
