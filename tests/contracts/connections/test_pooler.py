"""PostgreSQL behind the real PgBouncer, whose releases before 1.21 keep no named statement."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from application.pagination import UserQuery
from application.ports import NO_EFFECTS
from domain.email import Email
from doorward.conformance.support.examples import a_message, a_token, an_event
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection import pooler
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.migrations.runner import upgrade
from infrastructure.storage.sql.migrations.state import current, newest
from infrastructure.storage.sql.users import SqlUsers
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand, effects
from tests.support import servers
from tests.support.builders import NOW, a_session, a_user, refreshed
from tests.support.commands import doorward
from tests.support.waiting import PATIENCE, PATIENT

with_pgbouncer = pytest.mark.skipif(
    not servers.has_pgbouncer(), reason="no PgBouncer, which Debian has and PyPI and npm have not"
)

CLIENTS = 4
"""At once, so that PgBouncer lends them the servers in turn."""


@pytest.fixture(scope="module", params=["transaction", "session"])
def bouncer(request: pytest.FixtureRequest, postgres: servers.Server) -> Iterator[servers.Server]:
    with servers.pgbouncer(postgres.url, request.param) as server:
        yield server


@pytest.fixture(params=["", "?schema=auth"])
async def pooled_url(
    bouncer: servers.Server, empty_postgres_url: str, request: pytest.FixtureRequest
) -> str:
    """The URL of an empty database behind the pooler."""
    await by_hand(empty_postgres_url, "CREATE SCHEMA auth")
    return through(bouncer, empty_postgres_url) + str(request.param)


def through(bouncer: servers.Server, url: str) -> str:
    return urlsplit(bouncer.url)._replace(path=urlsplit(url).path).geturl()


@with_pgbouncer
async def test_processes_that_migrate_at_once_through_a_pooler_do_not_disturb_each_other(
    pooled_url: str, empty_postgres_url: str
) -> None:
    await upgrade(pooled_url, "0004")  # the next one creates indexes of tables that are there

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(upgrade(pooled_url) for _ in range(CLIENTS)))

    assert await current(pooled_url) == newest()
    schemas = "SELECT DISTINCT schemaname FROM pg_indexes WHERE indexname LIKE 'users_%'"
    expected = "auth" if "auth" in pooled_url else "public"
    assert [tuple(row) for row in await by_hand(empty_postgres_url, schemas)] == [(expected,)]


@with_pgbouncer
async def test_the_stores_work_through_a_pooler(pooled_url: str) -> None:
    await upgrade(pooled_url)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(use_stores(pooled_url, f"user{n}") for n in range(CLIENTS)))


async def use_stores(url: str, name: str) -> None:
    """Call the stores as a node does, repeatedly, and check each result."""
    async with open_stores(url, url, PATIENT) as stores:
        for n in range(5):
            user = a_user(email=Email.parse(f"{name}{n}@example.org"))
            assert (await stores.users.add(user, effects(an_event()))).effects_stored
            assert await stores.users.by_email(user.email) == user
            session = a_session(user_id=user.id)
            assert (await stores.sessions.add(session)).changed
            after = refreshed(session)
            assert (await stores.sessions.replace(session, after)).changed
            assert await stores.sessions.of_user(user.id) == [after]
            usage = await stores.rate_limiter.count(f"{name}{n}", timedelta(minutes=1), NOW)
            assert usage.count == 1
            page = await stores.users.page(UserQuery(email=f"{name}{n}"), None, 10)
            assert list(page.items) == [user]
            token, message = a_token(user), a_message(created_at=NOW)
            assert (await stores.one_time_tokens.issue(token)).changed == token
            spending = NO_EFFECTS.with_messages(message).spending(token.used(NOW))
            assert (await stores.users.replace(user, user, spending)).effects_stored
            leased = await stores.outbox.lease(NOW, NOW + timedelta(minutes=2), 10)
            assert all([await stores.outbox.replace(each, each.sent(NOW)) for each in leased])
            await stores.outbox.prune(NOW, 10)  # later ones may be leased by another client
            assert (await stores.users.delete(user.id, effects(an_event()))).changed


@with_pgbouncer
async def test_a_pooler_is_recognised(pooled_url: str, empty_postgres_url: str) -> None:
    async with (
        Database.open(pooled_url, StoreOptions()) as behind,
        Database.open(empty_postgres_url, StoreOptions()) as direct,
    ):
        assert await behind.is_pooled()
        async with direct.dedicated_connection() as connection:  # see looked_at_once()
            assert not await pooler.is_pooled(connection)


@with_pgbouncer
def test_commands_work_through_a_pooler(
    bouncer: servers.Server, postgres_url: str, tmp_path: Path
) -> None:
    url = through(bouncer, postgres_url)

    result = doorward(tmp_path, "doctor", DATABASE_URL=url)

    assert result.returncode == 0, result.stdout
    assert "through a connection pooler" in result.stdout


@pytest.mark.parametrize("schema", ["", "?schema=public"])
async def test_nothing_of_a_session_is_kept_behind_a_pooler(
    postgres_url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pretend(_: asyncpg.Connection) -> bool:
        return True

    monkeypatch.setattr(pooler, "is_pooled", pretend)
    async with Database.open(postgres_url + schema, StoreOptions(pool_size=1)) as database:
        users = SqlUsers(database)
        await users.add(user := a_user())
        assert await users.get(user.id) == user

        async with database.connection("users") as connection:
            transaction = await connection.scalar(text("SELECT pg_current_xact_id()::text"))
            assert (
                await connection.scalar(text("SELECT pg_current_xact_id()::text")) == transaction
            )
            assert (
                await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
            )
