"""Attempts that wait for SQLite's one writer are counted in one transaction."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from domain.errors import Unavailable
from domain.rate_limit import Usage
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rate_limits.sqlite_rate_limiter import SqliteRateLimiter
from tests.contracts.conftest import by_hand
from tests.support.builders import NOW

WINDOW = timedelta(minutes=15)


class Transactions:
    """
    :ivar count: how many have begun.
    """

    count = 0

    @contextmanager
    def observe(self, _store: str, _role: str) -> Iterator[None]:
        self.count += 1
        yield


@pytest.fixture
def transactions() -> Transactions:
    return Transactions()


@pytest.fixture
async def limiter(sqlite_url: str, transactions: Transactions) -> AsyncIterator[SqliteRateLimiter]:
    options = StoreOptions(timeout=timedelta(seconds=60), observer=transactions.observe)
    async with Database.open(sqlite_url, options) as database:
        yield SqliteRateLimiter(database)


async def test_parallel_attempts_are_counted_in_two_transactions(
    limiter: SqliteRateLimiter, transactions: Transactions
) -> None:
    keys = ["one", "other"] * 50

    counted = await asyncio.gather(*(limiter.count(key, WINDOW, NOW) for key in keys))

    assert sorted(usage.count for usage in counted) == sorted([*range(1, 51), *range(1, 51)])
    assert transactions.count <= 2


async def test_a_cancelled_attempt_takes_no_other_one_with_it(limiter: SqliteRateLimiter) -> None:
    attempts = [asyncio.create_task(limiter.count("key", WINDOW, NOW)) for _ in range(10)]
    await asyncio.sleep(0)  # until the first one counts for all
    attempts[0].cancel()
    attempts[5].cancel()

    counted = await asyncio.gather(*attempts, return_exceptions=True)

    assert [type(each) for each in counted].count(Usage) == 8
    assert len({each.count for each in counted if isinstance(each, Usage)}) == 8


async def test_attempts_that_wait_for_a_blocked_database_end_together(
    sqlite_url: str, transactions: Transactions
) -> None:
    options = StoreOptions(timeout=timedelta(seconds=0.2), observer=transactions.observe)
    async with Database.open(sqlite_url, options) as database:
        limiter = SqliteRateLimiter(database)
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            attempts = (limiter.count("key", WINDOW, NOW) for _ in range(100))

            failed = await asyncio.gather(*attempts, return_exceptions=True)

        assert {type(each) for each in failed} == {Unavailable}
        assert transactions.count <= 2


async def test_a_defect_is_raised_and_leaves_no_attempt_behind(
    limiter: SqliteRateLimiter, sqlite_url: str
) -> None:
    await by_hand(sqlite_url, "ALTER TABLE rate_limits RENAME TO elsewhere")
    with pytest.raises(Exception, match="rate_limits"):
        await limiter.count("key", WINDOW, NOW)
    await by_hand(sqlite_url, "ALTER TABLE elsewhere RENAME TO rate_limits")

    assert await limiter.count("key", WINDOW, NOW) == Usage(1, NOW + WINDOW)
