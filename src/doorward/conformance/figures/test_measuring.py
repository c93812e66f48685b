"""The contract of FigureStore: measurements."""

import asyncio

import pytest

from application.ports import FigureStore
from domain.figures import HOUR, Count, Gauge, Measurement, Point, Step
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND

pytestmark = pytest.mark.asyncio

THEN = Step.DAY.start(NOW)
USERS, SESSIONS = Gauge.USERS, Gauge.ACTIVE_SESSIONS


async def test_a_new_store_has_no_measurement(figures: FigureStore) -> None:
    assert await figures.last_measurement() is None


async def test_the_last_measurement_replaces_those_of_its_hour(figures: FigureStore) -> None:
    await figures.store_measurement(Measurement(THEN, {USERS: 5, SESSIONS: 9}))
    last = Measurement(THEN + HOUR - MICROSECOND, {USERS: 4, SESSIONS: 10})
    await figures.store_measurement(last)

    assert await figures.last_measurement() == last
    assert set(await figures.points(THEN, Step.HOUR)) == {
        Point(USERS, THEN, 4),
        Point(SESSIONS, THEN, 10),
    }


async def test_a_day_has_its_highest_measurement(figures: FigureStore) -> None:
    for hour, sessions in enumerate([3, 8, 2]):
        measured = Measurement(THEN + hour * HOUR + SECOND, {SESSIONS: sessions})
        await figures.store_measurement(measured)
    await figures.add({(THEN, Count.LOGINS): 1, (THEN + HOUR, Count.LOGINS): 1})

    assert set(await figures.points(THEN, Step.DAY)) == {
        Point(SESSIONS, THEN, 8),
        Point(Count.LOGINS, THEN, 2),
    }


async def test_a_measurement_has_no_count_in_it(figures: FigureStore) -> None:
    await figures.add({(THEN, Count.LOGINS): 1})
    await figures.store_measurement(Measurement(THEN, {USERS: 0}))

    assert await figures.last_measurement() == Measurement(THEN, {USERS: 0})


async def test_a_measurement_can_be_claimed_again_after_a_time(figures: FigureStore) -> None:
    assert await figures.claim_measurement(NOW, NOW - HOUR)

    assert not await figures.claim_measurement(NOW + SECOND, NOW - HOUR)
    assert not await figures.claim_measurement(NOW + HOUR, NOW - MICROSECOND)
    assert await figures.claim_measurement(NOW + HOUR, NOW)
    assert not await figures.claim_measurement(NOW + HOUR, NOW)


async def test_a_claim_by_a_clock_that_was_ahead_lets_others_measure(figures: FigureStore) -> None:
    assert await figures.claim_measurement(NOW + 1000 * HOUR, NOW)

    assert await figures.claim_measurement(NOW, NOW - HOUR)
    assert not await figures.claim_measurement(NOW, NOW - HOUR)


async def test_of_concurrent_calls_one_claims_the_measurement(figures: FigureStore) -> None:
    claimed = await asyncio.gather(*(figures.claim_measurement(NOW, NOW - HOUR) for _ in range(5)))

    assert sorted(claimed) == [False] * 4 + [True]
