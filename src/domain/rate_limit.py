"""Rate limits: a number of attempts in a window of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from domain.errors import AuthError
from domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class RateLimit:
    """
    :ivar name: appears in the keys of the counters and in the answer to a refused client.
    :ivar attempts: how many a window allows.
    :ivar window: the length of a window. The first attempt opens it.
    """

    name: str
    attempts: int
    window: timedelta

    def __str__(self) -> str:
        """Return attempts and window, as the configuration has them."""
        return f"{self.attempts}/{self.window.total_seconds():.0f}s"


@dataclass(frozen=True, slots=True)
class Usage:
    """
    :ivar count: the attempts in this window, the current one included.
    :ivar resets_at: when the window ends.
    """

    count: int
    resets_at: datetime

    @classmethod
    def after(cls, former: Self | None, window: timedelta, now: datetime) -> Self:
        """Return the usage with one more attempt.

        :param former: ``None`` if there was no attempt.
        :param window: the length of a window that this attempt opens.
        """
        if former is None or former.resets_at <= now:
            return cls(1, now + window)
        return cls(former.count + 1, former.resets_at)

    def check(self, limit: RateLimit, now: datetime) -> None:
        """:raises TooManyRequests: this attempt is one too many."""
        if self.count > limit.attempts:
            raise TooManyRequests(limit, self.resets_at - now)


class TooManyRequests(AuthError):
    """A rate limit is used up.

    :ivar wait: the time until the next attempt can succeed.
    """

    outcome = Outcome.TOO_MANY_REQUESTS

    def __init__(self, limit: RateLimit, wait: timedelta) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.wait = wait
