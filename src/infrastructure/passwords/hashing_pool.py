"""Threads of their own for password hashes, and a bounded, fair queue before them.

One hash takes some 50 ms and 46 MiB. A fixed number of threads bounds the memory, even when
clients disconnect in the middle: a running hash cannot be stopped, and a semaphore on the event
loop would be released too early. A bounded queue rejects what could not be answered in time, and
:mod:`infrastructure.passwords.fair_queue` decides whose hash waits, is next or is rejected.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from application.ports import HashClient
from domain.client.network import networks_of
from domain.errors import Unavailable
from infrastructure.passwords.fair_queue import FairQueue, Path

_T = TypeVar("_T")


class HashObserver(Protocol):
    """Receives what happens to the queue, on any thread."""

    def joined(self) -> None:
        """One more hash waits."""

    def left(self, waited: float | None) -> None:
        """A hash waits no longer.

        :param waited: seconds until a thread took it; ``None`` when the client disconnected, or
            when it lost its place to the hash of a client that had fewer.
        """

    def computed(self, seconds: float) -> None:
        """A thread has computed a hash in this time."""

    def refused(self) -> None:
        """The queue is full."""


class _Hash:
    """One hash to be computed."""

    def __init__(self, work: Callable[[], Any], path: Path) -> None:
        self.path = path
        self.answer: Future[Any] = Future()
        self.joined_at = time.perf_counter()
        self._work = work

    def compute(self) -> Callable[[], None]:
        """
        :returns: gives the result to the caller.
        """
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - the caller gets it
            return partial(self.answer.set_exception, error)
        return partial(self.answer.set_result, result)


class HashingPool:
    """Computes a bounded number of hashes at once, and lets a bounded number wait.

    :param threads: hashes that are computed at once.
    :param queue: hashes that may wait for a thread.
    """

    def __init__(self, threads: int, queue: int, observer: HashObserver | None = None) -> None:
        self._executor = ThreadPoolExecutor(threads, "argon2", initializer=_lower_priority)
        self._threads = self._idle = threads
        self._queue: FairQueue[_Hash] = FairQueue(queue)
        self._lock = threading.Lock()  # guards the queue and the number of idle threads
        self._observer = observer
        self._waiting: set[asyncio.Future[Any]] = set()
        self._is_refusing = False

    async def run(self, work: Callable[[], _T], client: HashClient) -> _T:
        """Compute on a thread of the pool.

        :raises Unavailable: the queue is full and no client has more hashes in it than this one,
            a client with fewer has taken the place of this one, or :meth:`refuse` was called.
        """
        if self._is_refusing:
            raise Unavailable("password hashing")
        hash_ = _Hash(work, path_of(client))
        answer: asyncio.Future[_T] = asyncio.wrap_future(hash_.answer)
        self._waiting.add(answer)
        try:
            self._enter(hash_)
            return await answer
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # the client has disconnected
            raise Unavailable("password hashing") from None
        finally:
            self._waiting.discard(answer)
            self._leave(hash_)

    def refuse(self) -> None:
        """Answer all waiting and all later calls with ``Unavailable``: the process must exit."""
        self._is_refusing = True
        for answer in self._waiting:
            answer.cancel()

    def close(self) -> None:
        """Stop the threads. A hash that is being computed is finished first."""
        self._is_refusing = True
        with self._lock:
            while hash_ := self._queue.take():
                hash_.answer.cancel()
        self._executor.shutdown(wait=False)

    def _enter(self, hash_: _Hash) -> None:
        if self._observer:
            self._observer.joined()
        with self._lock:
            self._queue.add(hash_.path, hash_)
            begins = self._idle > 0
            if begins:
                self._idle -= 1
                self._queue.take()
            excess = None if begins else self._queue.shed(hash_.path)
        if begins:
            self._executor.submit(self._compute, hash_)
        if excess:
            self._reject(excess)

    def _leave(self, hash_: _Hash) -> None:
        """Give up the place of a hash whose client has disconnected."""
        with self._lock:
            has_waited = self._queue.remove(hash_.path, hash_)
        if has_waited and self._observer:
            self._observer.left(None)

    def _reject(self, hash_: _Hash) -> None:
        if self._observer:
            self._observer.left(None)
            self._observer.refused()
        if hash_.answer.set_running_or_notify_cancel():
            hash_.answer.set_exception(Unavailable("password hashing"))

    def _compute(self, first: _Hash) -> None:
        """Compute this hash on this thread, and then those that wait."""
        current: _Hash | None = first
        while current is not None:
            began_at = time.perf_counter()
            if self._observer:
                self._observer.left(began_at - current.joined_at)
            is_wanted = current.answer.set_running_or_notify_cancel()
            answer = current.compute() if is_wanted else None
            seconds = time.perf_counter() - began_at
            if self._observer:
                self._observer.computed(seconds)
            current = self._next(current, seconds)
            if answer:  # after that: the caller may come back at once
                answer()

    def _next(self, computed: _Hash, seconds: float) -> _Hash | None:
        with self._lock:
            self._queue.charge(computed.path, seconds)
            following = self._queue.take()
            if following is None:
                self._idle += 1
                if self._idle == self._threads:
                    self._queue.reset()
            return following


def path_of(client: HashClient) -> Path:
    """Return the shares that a client's hash belongs to, the widest first."""
    networks = networks_of(client.address, ipv4=(32, 24))
    return ("known" if client.is_known else "new", *reversed(networks))


def _lower_priority() -> None:
    """Let requests that need no hash go first. Only Linux sets the priority of one thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
