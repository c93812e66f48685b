"""A migration of PostgreSQL beside a running service: no statement waits long for it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from infrastructure.storage.locations import Location
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.schema_version import move_up
from infrastructure.storage.sql.migrations.locks import LocksHeld
from infrastructure.storage.sql.migrations.runner import downgrade, upgrade
from infrastructure.storage.sql.migrations.state import current, newest
from tests.contracts.conftest import by_hand
from tests.schema.test_compatibility import heard, scripts
from tests.support.commands import assert_one_line, doorward
from tests.support.databases import SyncConnection
from tests.support.waiting import PATIENCE, PATIENT

Isolation = Literal["read_committed", "repeatable_read"]
SHORT = timedelta(seconds=1)
AT_MOST = 1.0  # seconds; without a lock_timeout, it would be for as long as the reader reads
SERVICE = (
    "SELECT count(*) FROM users",
    "UPDATE users SET name = name",
    "UPDATE sessions SET rotated_at = rotated_at",
)
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"


@asynccontextmanager
async def a_reader(url: str, isolation: Isolation) -> AsyncIterator[None]:
    """A transaction that has read the tables and stays open, as that of pg_dump."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation=isolation):
            await connection.execute("SELECT FROM users, sessions")
            yield
    finally:
        await connection.close()


async def longest_statement(url: str, until: asyncio.Task[None]) -> float:
    """Execute the statements of a running service until a task ends."""
    connection, longest = await asyncpg.connect(url), 0.0
    try:
        while not until.done():
            for statement in SERVICE:
                start = time.monotonic()
                await connection.execute(statement, timeout=PATIENCE)
                longest = max(longest, time.monotonic() - start)
            await asyncio.wait([until], timeout=0.01)
    finally:
        await connection.close()
    return longest


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read"])
async def test_no_statement_waits_for_a_migration_that_waits_for_a_reader(
    empty_postgres_url: str, isolation: Isolation
) -> None:
    await upgrade(empty_postgres_url, "0004")
    async with a_reader(empty_postgres_url, isolation):
        migration = asyncio.create_task(upgrade(empty_postgres_url, wait=SHORT))
        longest = await longest_statement(empty_postgres_url, migration)

        with pytest.raises(LocksHeld, match=r"^waited 1 s for other transactions; the oldest"):
            await migration
    assert longest < AT_MOST
    assert await current(empty_postgres_url) == "0004"

    await upgrade(empty_postgres_url)

    assert await current(empty_postgres_url) == newest()
    assert (await by_hand(empty_postgres_url, INVALID))[0][0] == 0


async def test_a_migration_goes_on_when_the_reader_ends(empty_postgres_url: str) -> None:
    await upgrade(empty_postgres_url, "0004")
    async with a_reader(empty_postgres_url, "read_committed"):
        migration = asyncio.create_task(upgrade(empty_postgres_url))
        async with asyncio.timeout(PATIENCE):
            while not (await by_hand(empty_postgres_url, INDEX_OF_0005))[0][0]:
                await asyncio.wait([migration], timeout=0.01)
    await migration

    assert await current(empty_postgres_url) == newest()


INDEX_OF_0005 = "SELECT count(*) FROM pg_indexes WHERE indexname = 'users_name_order_idx'"


async def test_an_index_that_an_interrupted_migration_left_is_built_again(
    empty_postgres_url: str,
) -> None:
    await upgrade(empty_postgres_url, "0004")
    await by_hand(
        empty_postgres_url,
        "CREATE INDEX users_created_at_idx ON users (created_at, id)",
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'users_created_at_idx'::regclass",
    )
    assert (await by_hand(empty_postgres_url, INVALID))[0][0] == 1

    await upgrade(empty_postgres_url)

    assert (await by_hand(empty_postgres_url, INVALID))[0][0] == 0


def test_a_migration_that_cannot_get_its_locks_is_one_line(
    empty_postgres_url: str, tmp_path: Path
) -> None:
    asyncio.run(upgrade(empty_postgres_url, "0004"))
    reader = SyncConnection(empty_postgres_url)
    reader.execute("BEGIN; SELECT FROM users, sessions")
    try:
        result = doorward(
            tmp_path, "migrate", "up", "--wait", "1s", DATABASE_URL=empty_postgres_url
        )
    finally:
        reader.close()

    assert_one_line(result, 1, "cannot be migrated now: waited 1 s for other transactions")


async def test_a_migration_waits_for_another_one_as_long_as_it_may(
    empty_postgres_url: str,
) -> None:
    connection = await asyncpg.connect(empty_postgres_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(x'646F6F72'::int)")
            with pytest.raises(NotReady, match="waited 0 s for another migration"):
                await move_up(
                    Location("users", "DATABASE_URL", empty_postgres_url),
                    PATIENT,
                    timedelta(seconds=0.2),
                )
    finally:
        await connection.close()


QUICK = re.compile(
    r"""
    SELECT | SHOW | SET\ LOCAL | BEGIN | EXPLAIN
    | (CREATE | DROP) \ (INDEX\ CONCURRENTLY | TABLE | FUNCTION | TRIGGER)
    | CREATE \ OR\ REPLACE\ FUNCTION
    | DROP\ INDEX
    | ALTER\ TABLE\ \w+\ (
        ADD\ COLUMN\ (?!.*\b(REFERENCES|UNIQUE|PRIMARY|CHECK|GENERATED|SERIAL)\b)
            (?!.*\bDEFAULT\ \(?\w+\()
        | ADD\ CONSTRAINT\ .*\ NOT\ VALID$
        | VALIDATE\ CONSTRAINT
        | DROP\ (COLUMN | CONSTRAINT)
        | ALTER\ COLUMN\ \w+\ (SET\ DEFAULT | DROP\ DEFAULT | DROP\ NOT\ NULL)
        | (ENABLE | DISABLE)\ .*TRIGGER
    )
    | (UPDATE | DELETE\ FROM)\ .*\ WHERE\ | INSERT\ INTO
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""Statements that hold an exclusive lock on a table for no longer than it takes to note the change
in the catalogue: none reads or writes all rows.
"""

OF_ALEMBIC = re.compile(r".*\b(alembic_version|schema_compatibility)\b", re.DOTALL)


def slow(statements: Sequence[str]) -> list[str]:
    """Return the statements that may block a running service for long. Tables that are new in the
    same migration have no rows, and no service uses them.
    """
    new = set(re.findall(r"CREATE TABLE (\w+)", "\n".join(statements)))
    return [
        each
        for each in (" ".join(statement.split()) for statement in statements)
        if not (QUICK.match(each) or OF_ALEMBIC.match(each))
        and not new & set(re.findall(r"(?:TABLE|ON) (\w+)", each))
    ]


async def test_no_migration_blocks_a_running_service(empty_postgres_url: str) -> None:
    for revision in scripts():
        with heard() as statements:
            await upgrade(empty_postgres_url, revision)
        assert slow(statements) == [], revision


async def test_no_way_back_blocks_a_running_service(empty_postgres_url: str) -> None:
    await upgrade(empty_postgres_url)
    for revision in reversed(scripts()):
        with heard() as statements:
            await downgrade(empty_postgres_url)
        assert slow(statements) == [], revision


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX users_photo_idx ON users (photo)",
        "CREATE UNIQUE INDEX users_name_key ON users (name)",
        "ALTER TABLE users ALTER COLUMN photo TYPE text",
        "ALTER TABLE users ALTER COLUMN photo SET NOT NULL",
        "ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE users ADD COLUMN size integer CHECK (size > 0)",
        "ALTER TABLE users ADD COLUMN team uuid REFERENCES teams (id)",
        "ALTER TABLE sessions ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)",
        "ALTER TABLE users ADD CONSTRAINT positive CHECK (generation >= 0)",
        "LOCK TABLE users IN EXCLUSIVE MODE",
        "UPDATE users SET photo = ''",
        "TRUNCATE sessions",
    ],
)
def test_a_statement_that_would_block_a_running_service_is_recognised(statement: str) -> None:
    assert slow(["CREATE TABLE other (n integer)", statement]) == [statement]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY users_photo_idx ON users (photo)",
        "CREATE INDEX other_idx ON other (n)",
        "ALTER TABLE users ADD COLUMN size INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE users ADD CONSTRAINT positive CHECK (generation >= 0) NOT VALID",
        "ALTER TABLE users VALIDATE CONSTRAINT positive",
    ],
)
def test_a_statement_that_blocks_nothing_is_recognised(statement: str) -> None:
    assert slow(["CREATE TABLE other (n integer)", statement]) == []
