"""Options that every storage backend gets."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Role = Literal["users", "sessions"]
"""The kind of data at a URL."""

StoreObserver = Callable[[str, str], AbstractContextManager[None]]
"""Entered around each call: with the name of the store, and its role (``users``, …)."""

_NOTHING = nullcontext()


class InvalidUrl(ValueError):
    """The URL of a store cannot be used. The message quotes no part of it, so it can be shown."""


def unobserved(_store: str, _role: str) -> AbstractContextManager[None]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """
    :ivar pool_size: connections that one process may open.
    :ivar timeout: for one call.
    :ivar cached_users: users that one process may cache, with their sessions; 0 for none.
    :ivar revocation_bound: the age up to which a cached record is used while no invalidation can
        be received.
    :ivar observer: observes the backend's calls.
    :ivar has_audit_log: whether the audit log is behind the same connection, so that changes can
        store their effects in their own transaction.
    """

    pool_size: int = 10
    timeout: timedelta = timedelta(seconds=2)
    cached_users: int = 0
    revocation_bound: timedelta = timedelta(seconds=2)
    observer: StoreObserver = unobserved
    has_audit_log: bool = False
