"""Statements that go to SQLite past SQLAlchemy's engine."""

import sqlite3
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from domain.rate_limit import Usage
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection.sqlite_direct import Fetch, SqliteDirect
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.rows import Rows
from infrastructure.storage.sql.tables import rate_limits
from tests.support.builders import NOW

KEPT = {"key": "kept", "count": 1, "resets_at": NOW}


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    async with Database.open(sqlite_url, StoreOptions()) as database:
        await Rows(database, rate_limits).insert(KEPT)
        yield database


async def stored(database: Database) -> Usage | None:
    row = await Rows(database, rate_limits).one(key="kept")
    return Usage(row["count"], row["resets_at"]) if row else None


async def test_values_come_back_as_sqlalchemy_converts_them(database: Database) -> None:
    async with database.connection("test") as connection:
        row = (await connection.execute(select(rate_limits))).mappings().one()

    assert await stored(database) == Usage(row["count"], row["resets_at"]) == Usage(1, NOW)


async def test_a_read_that_sqlite_refuses_at_once_is_made_on_a_connection_that_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("interrupted")

    monkeypatch.setattr(SqliteDirect, "read", refuse)

    assert await stored(database) == Usage(1, NOW)


async def test_a_conflict_is_the_error_of_sqlalchemy_without_values(database: Database) -> None:
    with pytest.raises(IntegrityError, match=r"rate_limits\.key") as raised:
        await Rows(database, rate_limits).insert(KEPT)

    assert "kept" not in str(raised.value)


async def test_work_that_raises_changes_nothing_and_leaves_its_turn(database: Database) -> None:
    def work(fetch: Fetch) -> None:
        fetch(delete(rate_limits), {})
        raise LookupError

    with pytest.raises(LookupError):
        await database.change_at_once("test", work)

    assert await stored(database) == Usage(1, NOW)
    assert (await Rows(database, rate_limits).delete(key="kept")).changed
