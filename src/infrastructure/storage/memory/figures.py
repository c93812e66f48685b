"""Figures in this process's memory."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from application.ports import FigureStore
from domain.figures import Count, Figure, HourlyCounts, Measurement, Point, Step, hour_of


class MemoryFigures(FigureStore):
    def __init__(self) -> None:
        self._values: dict[tuple[datetime, Figure], int] = {}
        self._counted_through = 0
        self._claimed_at: datetime | None = None
        self._last: Measurement | None = None

    async def counted_through(self) -> int:
        return self._counted_through

    async def count(self, after: int, through: int, counts: HourlyCounts) -> bool:
        if self._counted_through != after:
            return False
        self._counted_through = through
        await self.add(counts)
        return True

    async def add(self, counts: HourlyCounts) -> None:
        for key, number in counts.items():
            self._values[key] = self._values.get(key, 0) + number

    async def claim_measurement(self, now: datetime, before: datetime) -> bool:
        if self._claimed_at is not None and before < self._claimed_at <= now:
            return False
        self._claimed_at = now
        return True

    async def store_measurement(self, measurement: Measurement) -> None:
        hour = hour_of(measurement.at)
        self._values.update({(hour, each): value for each, value in measurement.values.items()})
        self._last = measurement

    async def last_measurement(self) -> Measurement | None:
        return self._last

    async def points(self, since: datetime, step: Step) -> Sequence[Point]:
        found = defaultdict[tuple[datetime, Figure], list[int]](list)
        starts = dict[datetime, datetime]()
        for (hour, figure), value in self._values.items():
            if hour >= since:
                start = starts.get(hour) or starts.setdefault(hour, step.start(hour))
                found[start, figure].append(value)
        return [
            Point(figure, at, sum(values) if isinstance(figure, Count) else max(values))
            for (at, figure), values in found.items()
        ]

    async def prune(self, before: datetime) -> int:
        old = [key for key in self._values if key[0] < hour_of(before)]
        for key in old:
            del self._values[key]
        return len(old)
