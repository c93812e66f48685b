"""How long tests wait: for conditions, not for times, and long enough for a busy machine."""

import gc
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from infrastructure.storage.options import StoreOptions

PATIENCE = 120.0  # seconds
PATIENT = StoreOptions(timeout=timedelta(seconds=60))
"""For stores that a test does not want to fail."""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for the condition.

    :raises AssertionError: it does not come true.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.02)


def until_no_other_thread_runs() -> None:
    """Wait for threads that have been told to end: a fork copies only the one that forks.

    :raises AssertionError: one goes on.
    """
    gc.collect()  # which ends those of pools without an owner
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(PATIENCE)
    assert threading.active_count() == 1, threading.enumerate()
