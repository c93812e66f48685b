"""Make the verification of a cheap hash take as long as that of a hash made today.

Otherwise the response time of a login would tell which users have an old or an imported hash.
"""

import time
from collections.abc import Callable

from argon2 import Parameters, Type
from argon2.low_level import hash_secret_raw

MINIMUM_MEMORY_KIB = 8
"""The least that Argon2 works with, for each lane."""


def pad_time(parameters: Parameters, spent: float, usual: float) -> None:
    """Compute Argon2 until the usual time is spent.

    :param parameters: of a hash made today.
    :param spent: seconds of this thread that the verification took.
    :param usual: seconds of this thread that a hash made today takes.
    """
    while (missing := missing_memory(parameters.memory_cost, spent, usual)) >= MINIMUM_MEMORY_KIB:
        began = time.thread_time()
        hash_secret_raw(b"", bytes(16), parameters.time_cost, missing, 1, 32, Type.ID)
        spent += time.thread_time() - began  # less than its share, if it fits into a cache


def missing_memory(wanted: int, spent: float, usual: float) -> int:
    """The share of the memory that is left to fill, in the unit of ``wanted``.

    :param spent: seconds; so is ``usual``, the time for all of the memory.
    """
    return int(wanted * (1 - spent / usual)) if spent < usual else 0


def clock_for(lanes: int) -> Callable[[], float]:
    """The CPU time of this thread, which does not depend on the load of the machine. Where other
    threads fill the lanes of a hash, the time that passes.
    """
    return time.thread_time if lanes == 1 else time.perf_counter
