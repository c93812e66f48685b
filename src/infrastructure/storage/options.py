"""What an adapter may take of the world."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

Watch = Callable[[str, str], AbstractContextManager[None]]
"""Entered around each call to a store: of which kind it is, and what it is used for."""

_NOTHING = nullcontext()


def unwatched(_store: str, _role: str) -> AbstractContextManager[None]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """
    :ivar pool_size: connections that one process may open.
    :ivar timeout: how long one call may wait for an answer.
    :ivar copies: of how many users one process may keep copies; 0 for none.
    :ivar revocation_bound: how old a copy may be when the store's changes cannot be heard.
    :ivar watch: whom the adapter tells of its calls.
    """

    pool_size: int = 10
    timeout: timedelta = timedelta(seconds=2)
    copies: int = 0
    revocation_bound: timedelta = timedelta(seconds=2)
    watch: Watch = unwatched
