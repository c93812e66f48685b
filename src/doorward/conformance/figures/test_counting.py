"""The contract of FigureStore: counts of events by hours."""

import asyncio
from datetime import timedelta

import pytest

from application.ports import FigureStore
from domain.figures import HOUR, Count, Point, Step, hour_of
from doorward.conformance.support.examples import NOW

pytestmark = pytest.mark.asyncio

THEN = Step.DAY.start(NOW)
MINUTE = timedelta(minutes=1)
LOGINS, REFUSED = Count.LOGINS, Count.REFUSED_LOGINS


async def hourly(figures: FigureStore) -> set[Point]:
    return set(await figures.points(THEN, Step.HOUR))


async def test_a_new_store_has_counted_nothing(figures: FigureStore) -> None:
    assert await figures.counted_through() == 0
    assert await hourly(figures) == set()


async def test_counts_of_an_hour_add_up(figures: FigureStore) -> None:
    assert await figures.count(0, 7, {(THEN, LOGINS): 5, (THEN, REFUSED): 2})
    assert await figures.count(7, 9, {(THEN, LOGINS): 1, (THEN + HOUR, LOGINS): 1})
    await figures.add({(THEN, REFUSED): 3})
    await figures.add({})

    assert await figures.counted_through() == 9
    assert await hourly(figures) == {
        Point(LOGINS, THEN, 6),
        Point(REFUSED, THEN, 5),
        Point(LOGINS, THEN + HOUR, 1),
    }


async def test_events_that_are_counted_are_not_counted_again(figures: FigureStore) -> None:
    await figures.count(0, 7, {(THEN, LOGINS): 5})

    assert not await figures.count(0, 7, {(THEN, LOGINS): 5})
    assert not await figures.count(8, 9, {(THEN, LOGINS): 1})

    assert await figures.counted_through() == 7
    assert await hourly(figures) == {Point(LOGINS, THEN, 5)}


async def test_events_that_nothing_is_counted_of_are_passed(figures: FigureStore) -> None:
    assert await figures.count(0, 500, {})

    assert await figures.counted_through() == 500
    assert await hourly(figures) == set()


async def test_of_concurrent_counts_of_the_same_events_one_counts(figures: FigureStore) -> None:
    counted = await asyncio.gather(
        *(figures.count(0, 7, {(THEN, LOGINS): 5, (THEN, REFUSED): 2}) for _ in range(5))
    )

    assert sorted(counted) == [False] * 4 + [True]
    assert await hourly(figures) == {Point(LOGINS, THEN, 5), Point(REFUSED, THEN, 2)}


async def test_concurrent_additions_are_all_counted(figures: FigureStore) -> None:
    await asyncio.gather(
        figures.count(0, 1, {(THEN, REFUSED): 1, (THEN, LOGINS): 1}),
        *(figures.add({(THEN, LOGINS): 1, (THEN, REFUSED): 2}) for _ in range(10)),
        *(figures.add({(THEN, REFUSED): 2, (THEN, LOGINS): 1}) for _ in range(10)),
    )

    assert await hourly(figures) == {Point(LOGINS, THEN, 21), Point(REFUSED, THEN, 41)}


async def test_the_hours_of_a_day_are_one_point(figures: FigureStore) -> None:
    hours = [THEN - HOUR, THEN, THEN + 23 * HOUR, THEN + 24 * HOUR]
    await figures.add({(hour, LOGINS): 10**n for n, hour in enumerate(hours)})

    assert set(await figures.points(THEN, Step.DAY)) == {
        Point(LOGINS, THEN, 110),
        Point(LOGINS, THEN + timedelta(days=1), 1000),
    }


async def test_a_count_has_room_for_very_many_events(figures: FigureStore) -> None:
    await figures.count(0, 10**15, {(THEN, LOGINS): 10**15})
    await figures.add({(THEN, LOGINS): 1})

    assert await figures.counted_through() == 10**15
    assert await figures.points(THEN, Step.DAY) == [Point(LOGINS, THEN, 10**15 + 1)]


async def test_pruning_deletes_the_hours_before_a_time(figures: FigureStore) -> None:
    hour = hour_of(NOW)
    await figures.add({(hour - 2 * HOUR, LOGINS): 1, (hour - HOUR, LOGINS): 1, (hour, LOGINS): 1})

    assert await figures.prune(hour + 59 * MINUTE) == 2
    assert await figures.prune(hour) == 0

    assert await figures.points(hour - 2 * HOUR, Step.HOUR) == [Point(LOGINS, hour, 1)]
