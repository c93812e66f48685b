"""Documents of a provider that are fetched now and then, by one caller at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from domain.errors import ProviderRefused, ProviderUnavailable

_T = TypeVar("_T")

LIFETIME = 3600.0
PAUSE_AFTER_FAILURE = 5.0
"""In seconds: so long all callers get the last failure, and the provider is left alone."""


class Cached(Generic[_T]):
    """A document, kept for an hour.

    :param fetch: raises ``ProviderUnavailable`` or ``ProviderRefused``.
    :param now: a clock that never goes back, in seconds.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[_T]], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = asyncio.Lock()
        self._held: tuple[_T, float] | None = None
        self._failure: tuple[ProviderRefused | ProviderUnavailable, float] | None = None

    async def get(self, younger_than: float = LIFETIME) -> _T:
        """Return the document, fetched less than so many seconds ago.

        :raises ProviderUnavailable: it cannot be fetched, or could not be a moment ago.
        :raises ProviderRefused: the same of a document that is not acceptable.
        """
        async with self._lock:
            if self._held and self._now() - self._held[1] < younger_than:
                return self._held[0]
            if self._failure and self._now() - self._failure[1] < PAUSE_AFTER_FAILURE:
                raise type(self._failure[0])(self._failure[0].reason)
            try:
                document = await self._fetch()
            except (ProviderRefused, ProviderUnavailable) as error:
                self._failure = error, self._now()
                raise
            self._held = document, self._now()
            return document
