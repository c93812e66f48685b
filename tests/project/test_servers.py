"""The servers that the other tests rely on: are they real, restartable and free of leftovers?"""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import redis

from tests.support.databases import ReusedDatabase, TemplateDatabases
from tests.support.servers import (
    OURS,
    Server,
    describe,
    postgres_server,
    redis_server,
)


def query(url: str, *statements: str) -> list[Any]:
    """Whatever the last statement returns; the ones before it do their work."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            answers = [await connection.fetch(statement) for statement in statements]
        finally:
            await connection.close()
        return [tuple(row) for row in answers[-1]]

    return asyncio.run(run())


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with postgres_server(sources=OURS) as server:
        yield server


@pytest.fixture(scope="module")
def databases(postgres: Server) -> Iterator[TemplateDatabases]:
    def migrate(url: str) -> None:
        query(url, "CREATE TABLE people (name text)", "INSERT INTO people VALUES ('ada')")

    with TemplateDatabases(postgres.url, migrate) as databases:
        yield databases


def test_postgres_answers(postgres: Server) -> None:
    [[version]] = query(postgres.url, "SELECT version()")

    engine, number, *_ = postgres.description.split()
    assert version.startswith(f"{engine} {number} ")
    assert postgres.is_ours


def test_postgres_keeps_its_data_over_a_crash() -> None:
    with postgres_server(sources=OURS) as server:
        query(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")
        before = server.url

        server.stop()
        with pytest.raises(OSError):  # noqa: PT011
            query(server.url, "SELECT 1")
        server.start()

        assert query(server.url, "SELECT n FROM kept") == [(1,)]
        assert server.url == before


def test_redis_answers() -> None:
    with redis_server() as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert server.description in describe()


def test_a_durable_redis_keeps_its_data_over_a_crash() -> None:
    with redis_server(durable=True, sources=OURS) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "1")

        server.stop()
        server.start()

        with redis.Redis.from_url(server.url) as client:
            assert client.get("kept") == b"1"


def test_a_fresh_database_equals_its_template(databases: TemplateDatabases) -> None:
    with databases.fresh() as url:
        assert query(url, "SELECT name FROM people") == [("ada",)]


def test_fresh_databases_do_not_see_each_other(databases: TemplateDatabases) -> None:
    with databases.fresh() as one, databases.fresh() as other:
        query(one, "INSERT INTO people VALUES ('grace')")

        assert query(other, "SELECT name FROM people") == [("ada",)]
    with databases.fresh() as later:
        assert query(later, "SELECT name FROM people") == [("ada",)]


def test_nothing_is_left_of_a_database_that_is_still_in_use(
    postgres: Server, databases: TemplateDatabases
) -> None:
    async def forgetful() -> str:
        with databases.fresh() as url:
            connection = await asyncpg.connect(url)
        connection.terminate()
        return url.rpartition("/")[2]

    name = asyncio.run(forgetful())

    assert (name,) not in query(postgres.url, "SELECT datname FROM pg_database")


def test_a_reused_database_equals_its_template(databases: TemplateDatabases) -> None:
    with ReusedDatabase(databases) as database:
        url = database.empty()
        query(url, "UPDATE people SET name = 'eve'", "INSERT INTO people VALUES ('grace')")

        assert database.empty() == url
        assert query(url, "SELECT name FROM people") == [("ada",)]

        many = "INSERT INTO people SELECT repeat('x', 100) FROM generate_series(1, 2000)"
        query(url, many, "ANALYZE people")
        assert database.empty() == url
        assert query(url, "SELECT name FROM people") == [("ada",)]


def test_a_reused_database_is_emptied_though_it_is_still_in_use(
    databases: TemplateDatabases,
) -> None:
    async def hold(database: ReusedDatabase) -> list[Any]:
        connection = await asyncpg.connect(database.empty())
        await connection.execute("BEGIN; LOCK TABLE people")
        url = await asyncio.to_thread(database.empty)
        connection.terminate()
        return await asyncio.to_thread(query, url, "SELECT name FROM people")

    with ReusedDatabase(databases) as database:
        assert asyncio.run(hold(database)) == [("ada",)]


def test_a_reused_database_is_replaced_when_its_connection_broke(
    databases: TemplateDatabases,
) -> None:
    with ReusedDatabase(databases) as database:
        url = database.empty()
        query(
            url,
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

        assert query(database.empty(), "SELECT name FROM people") == [("ada",)]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE people ADD COLUMN age int",
        "ALTER TABLE people DISABLE TRIGGER USER",
        "DROP TABLE people",
        "CREATE TABLE pets (name text)",
        "CREATE INDEX people_by_name ON people (name)",
    ],
)
def test_a_reused_database_is_replaced_after_a_change_of_its_schema(
    databases: TemplateDatabases, change: str
) -> None:
    with ReusedDatabase(databases) as database:
        url = database.empty()
        query(url, change)

        other = database.empty()

        assert other != url
        assert query(other, "SELECT * FROM people") == [("ada",)]


def test_a_server_that_is_given_is_left_alone(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url.replace("postgresql:", "postgresql+asyncpg:")
    monkeypatch.setenv("TEST_DATABASE_URL", url)

    with postgres_server() as given:
        assert (given.url, given.is_ours) == (postgres.url, False)
        assert given.description.endswith("(TEST_DATABASE_URL)")
        with pytest.raises(AssertionError):
            given.stop()
    assert query(postgres.url, "SELECT 1") == [(1,)]


def test_a_missing_server_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match=r"install PostgreSQL .* set TEST_DATABASE_URL"):
        postgres_server(sources=()).__enter__()

    monkeypatch.setenv("TEST_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(RuntimeError, match="TEST_REDIS_URL: no answer"):
        redis_server().__enter__()
