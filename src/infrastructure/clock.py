"""The real time."""

import time
from datetime import UTC, datetime


def system_clock() -> datetime:
    """Now, in UTC; a :data:`~application.ports.Clock`."""
    return datetime.now(UTC)


def running_time() -> float:
    """Seconds of a clock that cannot be set. On Linux it also counts while suspended."""
    return time.clock_gettime(_CLOCK)


_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
