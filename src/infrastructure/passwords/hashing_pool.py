"""Threads of their own for password hashes, and a bounded queue before them.

One hash takes some 50 ms and 46 MiB. A fixed number of threads bounds the memory, even when
clients disconnect in the middle: a running hash cannot be stopped, and a semaphore on the event
loop would be released too early. A bounded queue rejects what could not be answered in time.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any, Protocol, TypeVar

from domain.errors import Unavailable

_T = TypeVar("_T")


class HashObserver(Protocol):
    """Receives what happens to the queue, on any thread."""

    def joined(self) -> None:
        """One more hash waits."""

    def left(self, waited: float | None) -> None:
        """A hash waits no longer.

        :param waited: seconds until a thread took it; ``None`` when the client disconnected.
        """

    def computed(self, seconds: float) -> None:
        """A thread has computed a hash in this time."""

    def refused(self) -> None:
        """The queue is full."""


class HashingPool:
    """Computes a bounded number of hashes at once, and lets a bounded number wait.

    :param threads: hashes that are computed at once.
    :param queue: hashes that may wait for a thread.
    """

    def __init__(self, threads: int, queue: int, observer: HashObserver | None = None) -> None:
        self._executor = ThreadPoolExecutor(threads, "argon2", initializer=_lower_priority)
        self._slots = BoundedSemaphore(threads + queue)
        self._observer = observer
        self._waiting: set[asyncio.Future[Any]] = set()
        self._is_refusing = False

    async def run(self, work: Callable[[], _T]) -> _T:
        """Compute on a thread of the pool.

        :raises Unavailable: the queue is full, or :meth:`refuse` was called.
        """
        if self._is_refusing or not self._slots.acquire(blocking=False):
            if self._observer and not self._is_refusing:
                self._observer.refused()
            raise Unavailable("password hashing")
        future = self._submit(work)
        # The slot is free when the thread is, not when the client disconnects.
        future.add_done_callback(lambda _: self._slots.release())
        answer = asyncio.wrap_future(future)
        self._waiting.add(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # the client has disconnected
            raise Unavailable("password hashing") from None
        finally:
            self._waiting.discard(answer)

    def refuse(self) -> None:
        """Answer all waiting and all later calls with ``Unavailable``: the process must exit."""
        self._is_refusing = True
        for answer in self._waiting:
            answer.cancel()

    def close(self) -> None:
        """Stop the threads. A hash that is being computed is finished first."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _submit(self, work: Callable[[], _T]) -> Future[_T]:
        if self._observer:
            return _submit_observed(self._executor, work, self._observer)
        return self._executor.submit(work)


def _submit_observed(
    executor: ThreadPoolExecutor, work: Callable[[], _T], observer: HashObserver
) -> Future[_T]:
    joined_at = time.perf_counter()

    def compute() -> _T:
        began_at = time.perf_counter()
        observer.left(began_at - joined_at)
        try:
            return work()
        finally:
            observer.computed(time.perf_counter() - began_at)

    def leave(future: Future[_T]) -> None:
        if future.cancelled():  # possible only before a thread takes it
            observer.left(None)

    observer.joined()
    future = executor.submit(compute)
    future.add_done_callback(leave)
    return future


def _lower_priority() -> None:
    """Let requests that need no hash go first. Only Linux sets the priority of one thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
