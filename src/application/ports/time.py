"""Time and randomness."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Return the current time: aware, in UTC."""

RandomId = Callable[[], str]
"""Return 128 random bits of the system's cryptographic source, as 32 hexadecimal digits."""

RandomBytes = Callable[[int], bytes]
"""Return so many random bytes of the same source."""
