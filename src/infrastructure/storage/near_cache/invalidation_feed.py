"""Reports changes of users and sessions to the near cache, whichever process made them."""

import asyncio
import math
import secrets
from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, Self

import structlog

from domain.user import UserId
from infrastructure.clock import running_time

log = structlog.stdlib.get_logger("doorward")

Subscriber = Callable[[UserId | None], None]
"""Called with the user whose records have changed; ``None`` when any user's may have."""


class InvalidationFeed(Protocol):
    """Reports the changes in a store."""

    @abstractmethod
    def subscribe(self, subscriber: Subscriber) -> None:
        """Call the subscriber after each change from now on.

        It is called with ``None`` when changes may have been missed, before the feed is live
        again.
        """

    @abstractmethod
    def is_live(self) -> bool:
        """Whether every change has been reported that is older than the feed's bound, whatever
        breaks.
        """


def log_connected(store: str) -> None:
    log.info("invalidation_feed_connected", store=store)


def log_disconnected(store: str, error: str) -> None:
    log.warning(
        "invalidation_feed_disconnected",
        store=store,
        error=error,
        consequence="caching disabled until it reconnects",
    )


class ConnectedFeed(InvalidationFeed):
    """A feed over a connection that can break, fall silent and be made again.

    It listens while it is entered, and is entered without waiting for the connection. It is live
    for the length of the bound after each probe that is answered: a lease.

    :param store: its name, for the log.
    """

    def __init__(self, store: str, bound: timedelta) -> None:
        self._store = store
        self._bound = bound.total_seconds()
        self._interval = self._bound / 4  # between probes, and between attempts to connect
        self._subscribers: list[Subscriber] = []
        self._confirmed_at = -math.inf  # when the last answered probe was sent
        self._listening_since = -math.inf
        self._is_connected: bool | None = None  # as logged last

    def subscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)

    def is_live(self) -> bool:
        return running_time() < self._confirmed_at + self._bound

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._reconnect_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._listening.done():
            self._listening.cancel()  # more than once: asyncio.wait_for() can lose one (gh-86296)
            await asyncio.wait([self._listening], timeout=0.1)

    @abstractmethod
    async def _listen(self) -> None:
        """Connect, call :meth:`_begin`, and receive and probe until the connection breaks.

        :raises Exception: any error of the connection.
        """

    def _begin(self) -> None:
        """Report that anything may have changed before: from now on no change is missed. The first
        answered probe makes the feed live.
        """
        self._publish(None)
        self._listening_since = running_time()

    def _publish(self, user_id: UserId | None) -> None:
        for subscriber in self._subscribers:
            subscriber(user_id)

    def _confirm(self, sent_at: float) -> None:
        """Note that a probe was answered. Each change from before the probe was reported before
        the answer, so only changes since the probe can be unknown.

        :param sent_at: running time at which the probe was sent.
        """
        self._confirmed_at = sent_at
        if not self._is_connected:
            log_connected(self._store)
        self._is_connected = True

    def _require_answers(self) -> None:
        """:raises TimeoutError: no probe was answered in time: the connection is dead."""
        if running_time() > max(self._confirmed_at, self._listening_since) + 2 * self._bound:
            raise TimeoutError

    async def _reconnect_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - any error ends the connection
                self._log_failure(error)
            finally:
                self._confirmed_at = -math.inf
                self._publish(None)
            # Jitter: not all processes at the same moment.
            await asyncio.sleep(self._interval * (0.5 + secrets.randbelow(1000) / 1000))

    def _log_failure(self, error: Exception) -> None:
        if self._is_connected is not False:
            log_disconnected(self._store, type(error).__name__)
        self._is_connected = False
