"""Connections to SQLite: what they wait for, and what survives a power cut."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.errors import Unavailable
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection.sqlite import SqliteDialect
from infrastructure.storage.sql.connection.sqlite_connections import Connection, Cursor
from infrastructure.storage.sql.database import Database
from tests.support.waiting import PATIENT

SYNCHRONOUS = text("PRAGMA synchronous")
FULL, NORMAL = 2, 1
"""https://www.sqlite.org/pragma.html#pragma_synchronous"""
COUNT = text("UPDATE audit_chain SET start_number = start_number + 1")
COUNTED = text("SELECT start_number FROM audit_chain")

LONG = text(
    "SELECT count(*) FROM (WITH RECURSIVE every AS"
    " (SELECT 1 AS n UNION ALL SELECT n + 1 FROM every WHERE n < :numbers) SELECT n FROM every)"
)


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


async def test_what_is_acknowledged_waits_for_the_disk_and_counters_do_not(
    sqlite_url: str,
) -> None:
    async with Database.open(sqlite_url, StoreOptions(pool_size=1)) as database:
        for durable, expected in ((True, FULL), (False, NORMAL), (True, FULL)):
            async with database.transaction("test", durable=durable) as connection:
                assert await connection.scalar(SYNCHRONOUS) == expected
        async with database.transaction("test", durable=False) as connection:
            await connection.execute(COUNT)
        async with database.connection("test") as connection:
            await connection.execute(COUNT)
            assert await connection.scalar(SYNCHRONOUS) == FULL


async def test_only_what_waits_for_the_disk_is_made_on_a_thread(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside: list[str] = []
    execute = Cursor.execute

    def note(cursor: Cursor, statement: str, *arguments: object) -> Cursor:
        if threading.current_thread() is not threading.main_thread():
            aside.append(statement)
        return execute(cursor, statement, *arguments)

    monkeypatch.setattr(Cursor, "execute", note)
    async with Database.open(sqlite_url, PATIENT) as database:
        async with database.connection("test") as connection:
            await connection.execute(COUNTED)
        async with database.transaction("test") as connection:
            await connection.execute(COUNT)
        async with database.connection("test") as connection:
            await connection.execute(COUNT)

    assert aside == [str(COUNT)]


async def test_writers_of_one_process_take_turns(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteDialect, "_patiently", once)
    order: list[int] = []

    async def write(number: int) -> None:
        async with database.transaction("test") as connection:
            before = await connection.scalar(COUNTED)
            await asyncio.sleep(0)
            await connection.execute(COUNT)
            assert await connection.scalar(COUNTED) == before + 1
        order.append(number)

    async with Database.open(sqlite_url, PATIENT) as database:
        await asyncio.gather(*map(write, range(20)))

    assert order == list(range(20))


async def once(_dialect: SqliteDialect, execute) -> None:  # type: ignore[no-untyped-def]
    """In place of trying again: no writer of this process meets another one."""
    await execute()


async def test_a_writer_waits_for_another_process_and_reads_meanwhile(sqlite_url: str) -> None:
    async with Database.open(sqlite_url, PATIENT) as database:
        with closing(sqlite3.connect(path_of(sqlite_url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(_count(database))
            async with database.connection("test") as connection:
                before = await connection.scalar(COUNTED)
            assert not writing.done()
            other.execute("COMMIT")

        await writing
        async with database.connection("test") as connection:
            assert await connection.scalar(COUNTED) == before + 1


async def test_a_writer_that_gives_up_leaves_its_turn_to_the_next(sqlite_url: str) -> None:
    hasty = StoreOptions(timeout=timedelta(milliseconds=100))
    async with Database.open(sqlite_url, hasty) as database:
        with closing(sqlite3.connect(path_of(sqlite_url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await _count(database)
                with pytest.raises(Unavailable):
                    async with database.connection("test") as connection:
                        await connection.execute(COUNT)
            other.execute("COMMIT")

        await _count(database)


async def test_a_caller_that_is_cancelled_twice_waits_for_the_thread(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    commit = Connection.commit

    def slow(connection: Connection) -> None:
        begun.set()
        assert may_end.wait(10)
        commit(connection)

    monkeypatch.setattr(Connection, "commit", slow)
    async with Database.open(sqlite_url, PATIENT) as database:
        counting = asyncio.create_task(_count(database))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(2):
            counting.cancel()
            await asyncio.wait([counting], timeout=0.02)
            assert not counting.done()  # else the connection would be used by two
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await counting

        await _count(database)


async def test_a_long_read_holds_up_nothing_and_ends_with_its_caller(sqlite_url: str) -> None:
    async def read(numbers: int) -> int:
        async with database.connection("test") as connection:
            return await connection.scalar(LONG, {"numbers": numbers}) or 0

    async with Database.open(sqlite_url, replace(PATIENT, pool_size=2)) as database:
        reading = asyncio.create_task(read(20_000_000))
        await asyncio.sleep(0)
        await _count(database)
        assert not reading.done()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        assert list(await asyncio.gather(read(300_000), read(300_000))) == [300_000] * 2


async def _count(database: Database) -> None:
    async with database.transaction("test") as connection:
        await connection.execute(COUNT)


def test_rows_are_read_in_any_number() -> None:
    numbers = [(number,) for number in range(7)]
    values = ", ".join(f"({number})" for (number,) in numbers)
    with closing(sqlite3.connect(":memory:")) as connection:
        cursor = connection.cursor(Cursor)

        def read() -> Cursor:
            return cursor.execute(f"VALUES {values}")

        assert read().fetchall() == numbers
        assert cursor.fetchone() is None
        assert [read().fetchone(), *cursor.fetchmany(2), *cursor] == numbers
        assert read().fetchmany() == numbers[:1]
