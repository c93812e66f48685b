"""What an adapter may take of the world."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """
    :ivar pool_size: connections that one process may open.
    :ivar timeout: how long one call may wait for an answer.
    """

    pool_size: int = 10
    timeout: timedelta = timedelta(seconds=2)
