"""The figures of the service, by hours."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.figures import HourlyCounts, Measurement, Point, Step


class FigureStore(Protocol):
    """Hourly counts and measurements. It holds no personal data.

    Beside an audit log it also notes up to which event of the log it has counted.
    """

    @abstractmethod
    async def counted_through(self) -> int:
        """Return the number of the last audit event that is counted; 0 at first."""

    @abstractmethod
    async def count(self, after: int, through: int, counts: HourlyCounts) -> bool:
        """Add the counts of the audit events after one number, up to another: compare-and-swap.

        The counts are added, and ``through`` is noted, if the last counted event is exactly
        ``after``. So of parallel calls for the same events one adds anything, and an event is
        counted once, whatever process ends in between.

        :returns: whether it added them.
        """

    @abstractmethod
    async def add(self, counts: HourlyCounts) -> None:
        """Add the counts of events that the audit log does not keep."""

    @abstractmethod
    async def claim_measurement(self, now: datetime, before: datetime) -> bool:
        """Begin to measure, if no process has begun since the time ``before``. A beginning that
        is later than ``now`` was by a wrong clock.

        :returns: whether this call is to measure: of parallel calls, one is.
        """

    @abstractmethod
    async def store_measurement(self, measurement: Measurement) -> None:
        """Store the gauges of an hour, in place of those that were measured earlier in it."""

    @abstractmethod
    async def last_measurement(self) -> Measurement | None:
        """Return what was measured last; ``None`` at first."""

    @abstractmethod
    async def points(self, since: datetime, step: Step) -> Sequence[Point]:
        """Return the figures of the hours or days from this time on, in any order.

        What no event was counted for, and what was not measured, has no point. It takes no time
        that grows with the number of the events.

        :param since: the beginning of an hour or a day.
        """

    @abstractmethod
    async def prune(self, before: datetime) -> int:
        """Delete the figures of the hours before the one of this time.

        :returns: how many were deleted.
        """
