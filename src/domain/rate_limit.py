"""How often somebody may try: so many attempts in so much time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import AuthError
from domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class RateLimit:
    """
    :ivar name: for those who are told that they have reached it.
    :ivar attempts: that are allowed in a window.
    :ivar window: how long a window is. It opens with the first attempt.
    """

    name: str
    attempts: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Usage:
    """
    :ivar count: the attempts in this window, this one included.
    :ivar resets_at: when the window ends.
    """

    count: int
    resets_at: datetime

    def check(self, limit: RateLimit, now: datetime) -> None:
        """:raises TooManyRequests: this attempt is one too many."""
        if self.count > limit.attempts:
            raise TooManyRequests(limit, self.resets_at - now)


class TooManyRequests(AuthError):
    """Somebody has tried too often.

    :ivar wait: until the next attempt can succeed.
    """

    outcome = Outcome.TOO_MANY_REQUESTS

    def __init__(self, limit: RateLimit, wait: timedelta) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.wait = wait
