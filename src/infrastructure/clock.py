"""The real time."""

import time
from datetime import UTC, datetime


def system_clock() -> datetime:
    """Now, in UTC; a :data:`~application.ports.Clock`."""
    return datetime.now(UTC)


def running_time() -> float:
    """Seconds since some moment. Nobody can set this clock, and it runs on while the machine is
    suspended, where the system can tell (Linux).
    """
    return time.clock_gettime(_CLOCK)


_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
