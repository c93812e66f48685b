"""Statements that go to the driver of PostgreSQL, past SQLAlchemy's engine."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import bindparam, column, func, select, table

from domain.errors import Unavailable
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.tables import users

OPTIONS = StoreOptions(pool_size=1, timeout=timedelta(seconds=1))
ONE = select(func.length(bindparam("text")).label("length"))
SLOW = select(func.pg_sleep(bindparam("seconds")))
WRONG = select(func.no_such_function())
ACTIVITY = table("pg_stat_activity", column("pid"), column("query"), column("wait_event"))
SLEEPING = select(ACTIVITY.c.pid).where(ACTIVITY.c.wait_event == "PgSleep").limit(1)
NO_USER = users.delete().where(users.c.email_key == bindparam("key"))


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with Database.open(postgres_url, OPTIONS) as database:
        await database.fetch_one("test", ONE, {"text": "it finds out about poolers"})
        yield database


async def test_a_row_has_the_values_that_sqlalchemy_would_read(database: Database) -> None:
    row = await database.fetch_one("test", ONE, {"text": "four"})

    assert row is not None
    assert row["length"] == len("four")


async def test_a_change_tells_the_number_of_its_rows(database: Database) -> None:
    assert await database.execute("test", NO_USER, {"key": "a@example.com"}) == 0


async def test_a_missing_answer_leaves_the_next_statement_a_working_connection(
    database: Database,
) -> None:
    with pytest.raises(Unavailable):
        await database.fetch_one("test", SLOW, {"seconds": 60.0})

    assert await database.fetch_one("test", ONE, {"text": ""})


async def test_a_cancelled_statement_leaves_the_next_one_a_working_connection(
    database: Database, postgres_url: str
) -> None:
    async with Database.open(postgres_url, OPTIONS) as other:
        asking = asyncio.create_task(database.fetch_one("test", SLOW, {"seconds": 60.0}))
        while not await other.fetch_one("test", SLEEPING, {}):
            assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert await database.fetch_one("test", ONE, {"text": ""})


async def test_a_wrong_statement_does_not_look_like_an_outage(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await database.fetch_one("test", WRONG, {})

    assert await database.fetch_one("test", ONE, {"text": ""})


async def test_a_server_that_is_starting_looks_like_an_outage(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: object, **_options: object) -> None:
        raise asyncpg.CannotConnectNowError("the database system is not yet accepting connections")

    async with Database.open(postgres_url, OPTIONS) as database:
        assert not await database.is_pooled()
        with monkeypatch.context() as starting:
            starting.setattr(asyncpg, "connect", refuse)
            with pytest.raises(Unavailable):
                await database.fetch_one("test", ONE, {"text": ""})

        assert await database.fetch_one("test", ONE, {"text": ""})
