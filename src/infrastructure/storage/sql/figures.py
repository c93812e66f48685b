"""Figures in PostgreSQL or SQLite, beside the audit log. An hour is an integer."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from application.ports import FigureStore
from domain.figures import Count, Figure, Gauge, HourlyCounts, Measurement, Point, Step
from infrastructure.storage.sql.connection.outdated import repeat_outdated
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.hours import beginning_of, number_of
from infrastructure.storage.sql.statements import insert_into
from infrastructure.storage.sql.tables import figure_progress as progress
from infrastructure.storage.sql.tables import hourly_figures

_ROLE = "figures"
_hour, _name, _value = (hourly_figures.c[each] for each in ("hour", "name", "value"))


class SqlFigures(FigureStore):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counted_through(self) -> int:
        async with self._database.connection(_ROLE) as connection:
            return await connection.scalar(select(progress.c.counted_through)) or 0

    @repeat_outdated
    async def count(self, after: int, through: int, counts: HourlyCounts) -> bool:
        is_next = progress.c.counted_through == after
        note = update(progress).where(is_next).values(counted_through=through)
        async with self._database.transaction(_ROLE) as connection:
            if not (await connection.execute(note)).rowcount:
                return False
            await _add(connection, counts)
            return True

    async def add(self, counts: HourlyCounts) -> None:
        async with self._database.connection(_ROLE) as connection:
            await _add(connection, counts)

    async def claim_measurement(self, now: datetime, before: datetime) -> bool:
        claimed_at = progress.c.claimed_at
        is_free = or_(claimed_at.is_(None), claimed_at <= before, claimed_at > now)
        claim = update(progress).where(is_free).values(claimed_at=now)
        async with self._database.connection(_ROLE) as connection:
            return (await connection.execute(claim)).rowcount > 0

    @repeat_outdated
    async def store_measurement(self, measurement: Measurement) -> None:
        hour = number_of(measurement.at)
        rows = [
            {"hour": hour, "name": gauge.value, "value": value}
            for gauge, value in sorted(measurement.values.items())
        ]
        async with self._database.transaction(_ROLE) as connection:
            new = insert_into(connection, hourly_figures).values(rows)
            stored = new.on_conflict_do_update(
                index_elements=[_hour, _name], set_={"value": new.excluded.value}
            )
            await connection.execute(stored)
            await connection.execute(update(progress).values(measured_at=measurement.at))

    async def last_measurement(self) -> Measurement | None:
        async with self._database.connection(_ROLE) as connection:
            measured_at = await connection.scalar(select(progress.c.measured_at))
            if measured_at is None:
                return None
            of_hour = select(_name, _value).where(_hour == number_of(measured_at))
            rows = (await connection.execute(of_hour)).all()
        return Measurement(
            measured_at, {_GAUGES[name]: value for name, value in rows if name in _GAUGES}
        )

    async def points(self, since: datetime, step: Step) -> Sequence[Point]:
        # The number is a literal: PostgreSQL would not know two parameters for one expression.
        bucket = _hour // literal(step.hours, literal_execute=True)
        query = select(bucket, _name, func.sum(_value), func.max(_value))
        query = query.where(_hour >= number_of(since)).group_by(bucket, _name)
        async with self._database.connection(_ROLE) as connection:
            rows = (await connection.execute(query)).all()
        return [
            Point(figure, beginning_of(start * step.hours), int(_chosen(figure, total, highest)))
            for start, name, total, highest in rows
            if (figure := _FIGURES.get(name))
        ]

    async def prune(self, before: datetime) -> int:
        statement = delete(hourly_figures).where(_hour < number_of(before))
        async with self._database.connection(_ROLE) as connection:
            return (await connection.execute(statement)).rowcount


async def _add(connection: AsyncConnection, counts: HourlyCounts) -> None:
    """Add counts, in one order: two calls that lock each other's rows would never end."""
    rows = [
        {"hour": number_of(hour), "name": count.value, "value": number}
        for (hour, count), number in sorted(counts.items())
    ]
    if not rows:
        return
    new = insert_into(connection, hourly_figures).values(rows)
    added = new.on_conflict_do_update(
        index_elements=[_hour, _name], set_={"value": _value + new.excluded.value}
    )
    await connection.execute(added)


_GAUGES: Mapping[str, Gauge] = {each.value: each for each in Gauge}
_FIGURES: Mapping[str, Figure] = {**{each.value: each for each in Count}, **_GAUGES}
"""By name. A node of a later release may store others: they are left to it."""


def _chosen(figure: Figure, total: int, highest: int) -> int:
    return total if isinstance(figure, Count) else highest
