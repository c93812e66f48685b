"""How long tests wait: for conditions, not for times, and long enough for a busy machine."""

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
