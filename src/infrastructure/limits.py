"""What an adapter may take of the world."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """
    :ivar pool_size: connections that one process may open.
    :ivar timeout: how long one call may wait for an answer.
    :ivar copies: of how many users one process may keep copies; 0 for none.
    :ivar revocation_bound: how old a copy may be when the store's changes cannot be heard.
    """

    pool_size: int = 10
    timeout: timedelta = timedelta(seconds=2)
    copies: int = 0
    revocation_bound: timedelta = timedelta(seconds=2)
