"""Time and randomness."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""The time now: aware, in UTC."""

RandomId = Callable[[], str]
"""128 fresh bits from the system's cryptographic source, as 32 hexadecimal digits."""
