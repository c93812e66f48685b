"""The real time."""

from datetime import UTC, datetime


def system_clock() -> datetime:
    """Now, in UTC; a :data:`~application.ports.Clock`."""
    return datetime.now(UTC)
