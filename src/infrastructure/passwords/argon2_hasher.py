"""Argon2id password hashes (RFC 9106), computed on threads of their own.

One hash takes some 50 ms and 46 MiB. So they have a fixed number of threads, which bounds the
memory even when clients go away in the middle (a hash that runs cannot be stopped), and a bounded
queue: whoever comes when it is full is told so at once instead of waiting for nothing.

Hashes that other systems made are verified too, on the same threads. Of those, the ones that are
Argon2 are read here, and ``infrastructure/foreign_hashes.py`` reads all others.
"""

import asyncio
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, Protocol, TypeVar

import argon2
from argon2 import Parameters, Type
from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret_raw

from application.ports import PasswordHasher
from domain.errors import Unavailable
from domain.password import Password
from infrastructure.passwords import imported_hashes as foreign_hashes

_T = TypeVar("_T")

LOWEST_TIME_COST = 2
LOWEST_MEMORY_KIB = 19456  # the lowest in OWASP's Password Storage Cheat Sheet

# No hash of ours comes near these; one that goes beyond was planted to exhaust the machine.
HIGHEST_TIME_COST = 16
HIGHEST_MEMORY_KIB = 256 * 1024
HIGHEST_PARALLELISM = 16

_LEAST_MEMORY_KIB = 8  # that Argon2 works with, for each lane

# As the library reads it: neither salt nor hash may end in bits that are left over.
_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?"
_COST = "m=[1-9][0-9]*,t=[1-9][0-9]*,p=[1-9][0-9]*"
_FORM = re.compile(rf"\$argon2(?:id|i|d)\$(?:v=1[69]\$)?{_COST}\${_BASE64}\${_BASE64}")
_DJANGO = "argon2"  # stands before the form there


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: passes, memory in KiB, lanes."""

    time_cost: int = 2
    memory_kib: int = 47104
    parallelism: int = 1


class HashWatch(Protocol):
    """Is told of the queue, on whatever thread."""

    def joined(self) -> None:
        """One more hash waits."""

    def left(self, waited: float | None) -> None:
        """
        :param waited: for how many seconds until its turn came; ``None`` if the client went away.
        """

    def computed(self, seconds: float) -> None: ...

    def refused(self) -> None:
        """The queue is full."""


class Argon2Hasher(PasswordHasher):
    """
    :param threads: how many hashes are computed at once.
    :param queue: how many more may wait.
    """

    def __init__(
        self, cost: Cost, threads: int, queue: int, watch: HashWatch | None = None
    ) -> None:
        self._watch = watch
        self._argon2 = argon2.PasswordHasher(cost.time_cost, cost.memory_kib, cost.parallelism)
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_give_way)
        self._places = BoundedSemaphore(threads + queue)
        self._awaited: set[asyncio.Future[Any]] = set()
        self._is_refusing = False
        # What an unknown user's password is compared with: it takes as long and is never right.
        self._decoy = self._hash(secrets.token_urlsafe())
        self._parameters = argon2.extract_parameters(self._decoy)

    async def hash(self, password: Password) -> str:
        return await self._run(lambda: self._hash(password.text))

    async def verify(self, password: Password, stored: str | None) -> bool:
        """As the port says, for hashes of other systems too. Of these, one that is dearer than
        ours takes longer: a wrong password then tells that somebody was imported."""
        return await self._run(lambda: self._verify(password, stored))

    def can_verify(self, stored: str) -> bool:
        return is_verifiable(stored)

    def is_outdated(self, stored: str) -> bool:
        made, wanted = _read(stored), self._parameters
        if made is None or made.type is not Type.ID or stored.startswith(_DJANGO):
            return True
        # A stronger one is no reason: two versions of the settings may run side by side.
        return any(
            getattr(made, name) < getattr(wanted, name)
            for name in ("version", "salt_len", "hash_len", "time_cost", "memory_cost")
        )

    def refuse(self) -> None:
        """There is no time any more: who waits for a hash, or comes from now on, is told so."""
        self._is_refusing = True
        for answer in self._awaited:
            answer.cancel()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _hash(self, text: str) -> str:
        clock = _clock_for(self._argon2.parallelism)
        began = clock()
        hashed = self._argon2.hash(text)
        self._usual_time = clock() - began
        return hashed

    def _verify(self, password: Password, stored: str | None) -> bool:
        clock = _clock_for((_read(stored or "") or self._parameters).parallelism)
        began = clock()
        is_right = self._is_right(password, stored)
        if stored is not None and self.is_outdated(stored):
            self._make_up_for(clock() - began)
        return is_right

    def _is_right(self, password: Password, stored: str | None) -> bool:
        if stored is not None and (foreign := foreign_hashes.read(stored)):
            return foreign.verify(password.text.encode())
        for hashed in (stored, self._decoy):
            if hashed is not None and _read(hashed):
                try:
                    return self._argon2.verify(hashed.removeprefix(_DJANGO), password.text)
                except VerifyMismatchError:
                    return False
                except (VerificationError, ValueError):
                    continue  # there is no memory for it, say, and nothing was computed
        return False

    def _make_up_for(self, spent: float) -> None:
        """Spend what a hash of today would have cost more: users whose hash is of yesterday, or
        from elsewhere, are not to be told by the time that a password takes, wrong or right."""
        wanted = self._parameters.memory_cost
        while (missing := missing_memory(wanted, spent, self._usual_time)) >= _LEAST_MEMORY_KIB:
            began = time.thread_time()
            hash_secret_raw(b"", bytes(16), self._parameters.time_cost, missing, 1, 32, Type.ID)
            spent += time.thread_time() - began  # less than its share, if it fits into a cache

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._is_refusing or not self._places.acquire(blocking=False):
            if self._watch and not self._is_refusing:
                self._watch.refused()
            raise Unavailable("password hashing")
        future = (
            _submit_watched(self._pool, work, self._watch)
            if self._watch
            else (self._pool.submit(work))
        )
        # The place is free when the thread is, not when the client has lost patience.
        future.add_done_callback(lambda _: self._places.release())
        answer = asyncio.wrap_future(future)
        self._awaited.add(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # the client has lost patience
            raise Unavailable("password hashing") from None
        finally:
            self._awaited.discard(answer)


def _submit_watched(
    pool: ThreadPoolExecutor, work: Callable[[], _T], watch: HashWatch
) -> Future[_T]:
    joined = time.perf_counter()

    def turn() -> _T:
        began = time.perf_counter()
        watch.left(began - joined)
        try:
            return work()
        finally:
            watch.computed(time.perf_counter() - began)

    def leave(future: Future[_T]) -> None:
        if future.cancelled():  # which it can be only until its turn has come
            watch.left(None)

    watch.joined()
    future = pool.submit(turn)
    future.add_done_callback(leave)
    return future


def _give_way() -> None:
    """Hashing waits, and not the requests that need none. Only Linux can say so of one thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def is_verifiable(stored: str) -> bool:
    """Whether :meth:`Argon2Hasher.verify` can say True of this hash. It costs nothing to ask."""
    return _read(stored) is not None or foreign_hashes.read(stored) is not None


def missing_memory(wanted: int, spent: float, usual: float) -> int:
    """How much of its memory a hash has still to fill, if it usually takes that long."""
    return int(wanted * (1 - spent / usual)) if spent < usual else 0


def _clock_for(lanes: int) -> Callable[[], float]:
    """The time of this thread alone, so that it does not matter what else is busy. But where
    threads of their own fill the lanes of a hash, the time that passes."""
    return time.thread_time if lanes == 1 else time.perf_counter


def _read(stored: str) -> Parameters | None:
    """What an Argon2 hash was made with, by whomever, if it is one of bearable cost."""
    hashed = stored.removeprefix(_DJANGO)
    if len(stored) > foreign_hashes.LONGEST_HASH or not _FORM.fullmatch(hashed):
        return None
    made = argon2.extract_parameters(hashed)
    is_good = (
        made.time_cost <= HIGHEST_TIME_COST
        and _LEAST_MEMORY_KIB * made.parallelism <= made.memory_cost <= HIGHEST_MEMORY_KIB
        and made.parallelism <= HIGHEST_PARALLELISM
        and made.salt_len >= 8
        and made.hash_len >= foreign_hashes.SHORTEST_HASH
    )
    return made if is_good else None
