"""Argon2id password hashes (RFC 9106), computed on threads of their own.

One hash takes some 50 ms and 46 MiB. So they have a fixed number of threads, which bounds the
memory even when clients go away in the middle (a hash that runs cannot be stopped), and a bounded
queue: whoever comes when it is full is told so at once instead of waiting for nothing.
"""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TypeVar

import argon2
from argon2 import Parameters, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret_raw

from application.ports import PasswordHasher
from domain.errors import Unavailable
from domain.password import Password

_T = TypeVar("_T")

LOWEST_TIME_COST = 2
LOWEST_MEMORY_KIB = 19456  # the lowest in OWASP's Password Storage Cheat Sheet

# No hash of ours comes near these; one that goes beyond was planted to exhaust the machine.
HIGHEST_TIME_COST = 16
HIGHEST_MEMORY_KIB = 256 * 1024
HIGHEST_PARALLELISM = 16

_LEAST_MEMORY_KIB = 8  # that Argon2 works with


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: passes, memory in KiB, lanes."""

    time_cost: int = 2
    memory_kib: int = 47104
    parallelism: int = 1


class Argon2Hasher(PasswordHasher):
    """
    :param threads: how many hashes are computed at once.
    :param queue: how many more may wait.
    """

    def __init__(self, cost: Cost, threads: int, queue: int) -> None:
        self._argon2 = argon2.PasswordHasher(cost.time_cost, cost.memory_kib, cost.parallelism)
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_give_way)
        self._places = BoundedSemaphore(threads + queue)
        # What an unknown user's password is compared with: it takes as long and is never right.
        self._decoy = self._argon2.hash(secrets.token_urlsafe())
        self._parameters = argon2.extract_parameters(self._decoy)

    async def hash(self, password: Password) -> str:
        return await self._run(lambda: self._argon2.hash(password.text))

    async def verify(self, password: Password, stored: str | None) -> bool:
        return await self._run(lambda: self._verify(password, stored))

    def is_outdated(self, stored: str) -> bool:
        made, wanted = argon2.extract_parameters(stored), self._parameters
        # A stronger one is no reason: two versions of the settings may run side by side.
        return any(
            getattr(made, name) < getattr(wanted, name)
            for name in ("version", "salt_len", "hash_len", "time_cost", "memory_cost")
        )

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: Password, stored: str | None) -> bool:
        for hashed in (stored, self._decoy):
            if hashed is not None and _is_bearable(hashed):
                try:
                    return self._argon2.verify(hashed, password.text)
                except VerifyMismatchError:
                    self._make_up_for(argon2.extract_parameters(hashed))
                    return False
                except (VerificationError, ValueError):
                    continue  # rubbish after all, and nothing was computed
        return False

    def _make_up_for(self, made: Parameters) -> None:
        """Spend what a hash of today would have cost more: users whose hash is of yesterday are
        not to be told by the time that a wrong password takes. Cost is passes times memory."""
        wanted = self._parameters
        missing = wanted.memory_cost - made.memory_cost * made.time_cost // wanted.time_cost
        if missing >= _LEAST_MEMORY_KIB:
            hash_secret_raw(
                b"", bytes(16), wanted.time_cost, missing, parallelism=1, hash_len=32, type=Type.ID
            )

    async def _run(self, work: Callable[[], _T]) -> _T:
        if not self._places.acquire(blocking=False):
            raise Unavailable("password hashing")
        future = self._pool.submit(work)
        # The place is free when the thread is, not when the client has lost patience.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _give_way() -> None:
    """Hashing waits, and not the requests that need none. Only Linux can say so of one thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _is_bearable(stored: str) -> bool:
    try:
        parameters = argon2.extract_parameters(stored)
    except InvalidHashError:
        return False
    return (
        parameters.type is Type.ID
        and parameters.time_cost <= HIGHEST_TIME_COST
        and parameters.memory_cost <= HIGHEST_MEMORY_KIB
        and parameters.parallelism <= HIGHEST_PARALLELISM
    )
