"""How a process hears of changes that others make to the records it keeps copies of."""

import asyncio
import logging
import math
import secrets
from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, Self

from domain.user import UserId
from infrastructure.clock import running_time

log = logging.getLogger("doorward")

Follower = Callable[[UserId | None], None]
"""Is told whose records have changed; ``None`` when anybody's may have."""


class InvalidationFeed(Protocol):
    """Tells what was changed in a store, by whichever process."""

    @abstractmethod
    def follow(self, follower: Follower) -> None:
        """From now on tell the follower of each change, after it was made.

        It is told ``None`` when changes may have been missed, before the feed is live again.
        """

    @abstractmethod
    def is_live(self) -> bool:
        """Whether every change has been told but those of the last moments: of no longer than the
        bound that the feed was made with, whatever breaks.
        """


class ConnectedFeed(InvalidationFeed):
    """A feed over a connection that can break, fall silent and be made again.

    It listens as long as it is entered, and is entered without waiting for the connection.

    :param store: its name, for the log.
    """

    def __init__(self, store: str, bound: timedelta) -> None:
        self._store = store
        self._bound = bound.total_seconds()
        self._pause = self._bound / 4  # between questions, and between attempts to connect
        self._followers: list[Follower] = []
        self._answered_at = -math.inf  # when the last question was asked that has an answer
        self._begun_at = -math.inf
        self._is_heard: bool | None = None  # which nobody knows yet

    def follow(self, follower: Follower) -> None:
        self._followers.append(follower)

    def is_live(self) -> bool:
        return running_time() < self._answered_at + self._bound

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._reconnect_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._listening.done():
            self._listening.cancel()  # more than once: asyncio.wait_for() can lose one (gh-86296)
            await asyncio.wait([self._listening], timeout=0.1)

    @abstractmethod
    async def _listen(self) -> None:
        """Connect, :meth:`_begin`, and listen and ask until the connection breaks; then raise.

        :raises Exception: whatever the connection raises.
        """

    def _begin(self) -> None:
        """From now on nothing is missed; before, anything may have been. The first answer makes
        the feed live.
        """
        self._tell(None)
        self._begun_at = running_time()

    def _tell(self, user_id: UserId | None) -> None:
        for follower in self._followers:
            follower(user_id)

    def _answered(self, asked_at: float) -> None:
        """A question of that time was answered. What was changed before the question has been told
        before the answer, so only changes since the question can be unknown.
        """
        self._answered_at = asked_at
        if not self._is_heard:
            log.info("changes in %s are heard", self._store)
        self._is_heard = True

    def _check_answers(self) -> None:
        """:raises TimeoutError: the connection is dead, though nobody says so."""
        if running_time() > max(self._answered_at, self._begun_at) + 2 * self._bound:
            raise TimeoutError

    async def _reconnect_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it is, changes are not heard
                self._log_failure(error)
            finally:
                self._answered_at = -math.inf
                self._tell(None)
            # Not all processes at the same moment.
            await asyncio.sleep(self._pause * (0.5 + secrets.randbelow(1000) / 1000))

    def _log_failure(self, error: Exception) -> None:
        if self._is_heard is not False:
            reason = type(error).__name__
            log.warning("changes in %s are not heard (%s): no copies", self._store, reason)
        self._is_heard = False
