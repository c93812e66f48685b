"""The contract of RateLimiter."""

import asyncio
from datetime import timedelta

import pytest

from application.ports import RateLimiter
from domain.rate_limit import Usage
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND

pytestmark = pytest.mark.asyncio

# Long, for a store may forget by the real clock what has ended by it.
WINDOW = timedelta(hours=1)
KEYS = {
    "short": "login:all",
    "of an account": "login-account:" + "0123456789abcdef" * 2,
    "of a network": "login-address:2001:db8:0:1::/64",
    "the longest": "x" * 100,
    "with signs": "a key: {b}%*'\"\\?[c]\x7f",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_attempts_are_counted_one_by_one(limiter: RateLimiter, key: str) -> None:
    counted = [await limiter.count(key, WINDOW, NOW) for _ in range(5)]

    assert counted == [Usage(count, NOW + WINDOW) for count in range(1, 6)]


async def test_the_end_of_a_window_is_aware_and_in_utc(limiter: RateLimiter) -> None:
    for _ in range(2):
        usage = await limiter.count("key", WINDOW, NOW)
        assert usage.resets_at.utcoffset() == timedelta()


async def test_a_window_opens_with_the_first_attempt_and_does_not_move(
    limiter: RateLimiter,
) -> None:
    times = [NOW, NOW + SECOND, NOW + WINDOW / 2, NOW + WINDOW - MICROSECOND]

    counted = [await limiter.count("key", WINDOW, time) for time in times]

    assert counted == [Usage(count, NOW + WINDOW) for count in range(1, 5)]


@pytest.mark.parametrize("late", [timedelta(), MICROSECOND, WINDOW, 30 * WINDOW])
async def test_after_its_end_the_next_attempt_opens_another_window(
    limiter: RateLimiter, late: timedelta
) -> None:
    for _ in range(3):
        await limiter.count("key", WINDOW, NOW)

    then = NOW + WINDOW + late
    counted = [await limiter.count("key", WINDOW, then + pause) for pause in (0 * SECOND, SECOND)]

    assert counted == [Usage(1, then + WINDOW), Usage(2, then + WINDOW)]


async def test_each_window_is_as_long_as_it_was_when_it_opened(limiter: RateLimiter) -> None:
    await limiter.count("key", WINDOW, NOW)

    assert await limiter.count("key", 2 * WINDOW, NOW) == Usage(2, NOW + WINDOW)
    assert await limiter.count("key", 2 * WINDOW, NOW + WINDOW) == Usage(1, NOW + 3 * WINDOW)


@pytest.mark.parametrize("other", ["key2", "ke", "KEY", "key ", " key", "key:1"])
async def test_each_key_is_counted_by_itself(limiter: RateLimiter, other: str) -> None:
    for _ in range(3):
        await limiter.count("key", WINDOW, NOW)

    assert await limiter.count(other, WINDOW, NOW + SECOND) == Usage(1, NOW + SECOND + WINDOW)
    assert await limiter.count("key", WINDOW, NOW + SECOND) == Usage(4, NOW + WINDOW)


async def test_a_new_window_closes_no_other_that_is_open(limiter: RateLimiter) -> None:
    """Opening a window may sweep those that have ended."""
    await limiter.count("ended", WINDOW, NOW)
    await limiter.count("open", WINDOW + SECOND, NOW)

    await limiter.count("new", WINDOW, NOW + WINDOW)

    assert (await limiter.count("open", WINDOW, NOW + WINDOW)).count == 2
    assert (await limiter.count("ended", WINDOW, NOW + WINDOW)).count == 1


async def test_a_forgotten_key_starts_a_new_window(limiter: RateLimiter) -> None:
    for key in ("key", "other"):
        for _ in range(3):
            await limiter.count(key, WINDOW, NOW)

    await limiter.forget("key")

    assert await limiter.count("key", WINDOW, NOW + SECOND) == Usage(1, NOW + SECOND + WINDOW)
    assert await limiter.count("other", WINDOW, NOW) == Usage(4, NOW + WINDOW)


async def test_a_key_has_a_window_from_its_first_attempt_to_the_end(limiter: RateLimiter) -> None:
    times = [NOW, NOW + WINDOW - MICROSECOND, NOW + WINDOW, NOW + 30 * WINDOW]
    await limiter.count("key", WINDOW, NOW)
    await limiter.count("key", WINDOW, NOW + SECOND)

    assert [await limiter.has_window("key", time) for time in times] == [True, True, False, False]


async def test_asking_for_a_window_opens_none(limiter: RateLimiter) -> None:
    assert not await limiter.has_window("key", NOW)
    assert not await limiter.has_window("key", NOW)

    assert await limiter.count("key", WINDOW, NOW) == Usage(1, NOW + WINDOW)


async def test_a_forgotten_key_has_no_window(limiter: RateLimiter) -> None:
    await limiter.count("key", WINDOW, NOW)
    await limiter.forget("key")

    assert not await limiter.has_window("key", NOW)


async def test_forgetting_a_missing_key_is_no_error(limiter: RateLimiter) -> None:
    await limiter.forget("key")
    await limiter.count("key", WINDOW, NOW)
    await limiter.forget("key")
    await limiter.forget("key")

    assert (await limiter.count("key", WINDOW, NOW)).count == 1


async def test_of_40_parallel_attempts_each_gets_another_count(limiter: RateLimiter) -> None:
    counted = await asyncio.gather(*(limiter.count("key", WINDOW, NOW) for _ in range(40)))

    check_burst(counted, 1, 40)


async def test_parallel_attempts_after_the_end_open_one_window(limiter: RateLimiter) -> None:
    for _ in range(3):
        await limiter.count("key", WINDOW, NOW)

    later = NOW + WINDOW
    counted = await asyncio.gather(*(limiter.count("key", WINDOW, later) for _ in range(40)))

    check_burst(counted, 1, 40)
    assert {usage.resets_at for usage in counted} == {later + WINDOW}


async def test_parallel_attempts_around_the_end_open_one_window(limiter: RateLimiter) -> None:
    """Clocks differ; a late attempt counts in the open window."""
    await limiter.count("key", WINDOW, NOW)
    times = [NOW + WINDOW + number % 4 * MICROSECOND for number in range(40)]

    counted = await asyncio.gather(*(limiter.count("key", WINDOW, time) for time in times))

    check_burst(counted, 1, 40)


async def test_a_burst_with_many_keys_mixes_nothing_up(limiter: RateLimiter) -> None:
    names = [f"key {number % 8}" for number in range(40)]

    counted = await asyncio.gather(*(limiter.count(name, WINDOW, NOW) for name in names))

    for name in set(names):
        of_name = [usage for usage, each in zip(counted, names, strict=True) if each == name]
        check_burst(of_name, 1, 5)


class TestTwoProcesses:
    """Each has its own connection to one store."""

    async def test_count_together(self, two_limiters: tuple[RateLimiter, RateLimiter]) -> None:
        one, other = two_limiters
        await one.count("key", WINDOW, NOW)

        assert await other.count("key", WINDOW, NOW + SECOND) == Usage(2, NOW + WINDOW)
        await other.forget("key")
        assert (await one.count("key", WINDOW, NOW)).count == 1

    async def test_get_40_counts_for_40_parallel_attempts(
        self, two_limiters: tuple[RateLimiter, RateLimiter]
    ) -> None:
        counted = await asyncio.gather(
            *(limiter.count("key", WINDOW, NOW) for _ in range(20) for limiter in two_limiters)
        )

        check_burst(counted, 1, 40)

    async def test_open_one_window_after_the_end_of_another(
        self, two_limiters: tuple[RateLimiter, RateLimiter]
    ) -> None:
        for limiter in two_limiters:
            await limiter.count("key", WINDOW, NOW)

        later = NOW + WINDOW
        counted = await asyncio.gather(
            *(limiter.count("key", WINDOW, later) for _ in range(20) for limiter in two_limiters)
        )

        check_burst(counted, 1, 40)


def check_burst(counted: list[Usage], first: int, last: int) -> None:
    """Check that each count was returned once, all in one window."""
    assert sorted(usage.count for usage in counted) == list(range(first, last + 1))
    assert len({usage.resets_at for usage in counted}) == 1
