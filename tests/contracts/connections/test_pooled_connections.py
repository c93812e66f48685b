"""Connections of the pool to PostgreSQL: replaced when they have ended, and seldom asked."""

from unittest.mock import Mock

import pytest
from sqlalchemy import text

from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection import liveness
from infrastructure.storage.sql.database import Database

OPTIONS = StoreOptions(pool_size=1)
PROCESS = text("SELECT pg_backend_pid()")


async def process_of(database: Database) -> int:
    async with database.connection("test") as connection:
        return int(await connection.scalar(PROCESS))


async def test_a_connection_that_ended_unseen_is_replaced_when_it_was_unused_for_a_while(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_QUIET", 0.0)
    monkeypatch.setattr(liveness, "has_ended", lambda _: False)
    async with (
        Database.open(postgres_url, OPTIONS) as database,
        Database.open(postgres_url, OPTIONS) as other,
    ):
        ended = await process_of(database)
        async with other.connection("test") as connection:
            ending = text("SELECT pg_terminate_backend(:process, 10000)")
            assert await connection.scalar(ending, {"process": ended})

        assert await process_of(database) != ended


async def test_a_connection_in_steady_use_is_not_asked_whether_it_works(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database.open(postgres_url, OPTIONS) as database:
        first = await process_of(database)
        asked = Mock(side_effect=AssertionError)
        monkeypatch.setattr(database._engine.dialect, "do_ping", asked)
        monkeypatch.setattr(liveness, "_QUIET", 60.0)

        assert await process_of(database) == first
