"""The conformance tests of Backend.ping, and what it does where a network fails."""

import asyncio
import secrets
from datetime import timedelta

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import make_url
from sqlalchemy.exc import ProgrammingError

from domain.errors import Unavailable
from doorward.conformance.test_ping import *  # noqa: F403
from infrastructure.storage.backends import load
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.backend import BACKEND as REDIS
from infrastructure.storage.sql.backend import BACKEND as SQL
from tests.conftest import PLACES, url_for
from tests.support.doubles import TcpProxy
from tests.support.servers import Server

TIMEOUT = timedelta(seconds=0.5)
NETWORKED = [scheme for scheme, place in PLACES.items() if place.is_networked]


@pytest.mark.parametrize("scheme", NETWORKED)
async def test_a_backend_that_refuses_connections_fails_the_ping_until_it_is_back(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    backend = load(scheme)
    async with (
        TcpProxy(url_for(scheme, request)) as proxy,
        backend.connect(proxy.url, StoreOptions()) as connection,
    ):
        await proxy.disconnect()
        with pytest.raises(Unavailable):
            await backend.ping(connection)

        await proxy.accept()
        await backend.ping(connection)


@pytest.mark.parametrize("scheme", NETWORKED)
async def test_a_silent_backend_fails_the_ping_within_the_timeout(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    backend = load(scheme)
    async with (
        TcpProxy(url_for(scheme, request)) as proxy,
        backend.connect(proxy.url, StoreOptions(timeout=TIMEOUT)) as connection,
    ):
        await backend.ping(connection)
        proxy.stall()

        async with asyncio.timeout(TIMEOUT.total_seconds() + 1):
            with pytest.raises(Unavailable):
                await backend.ping(connection)


@pytest.mark.parametrize("fixture", ["empty_sqlite_url", "empty_postgres_url"])
async def test_a_database_without_tables_fails_the_ping(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(fixture)
    async with SQL.connect(url, StoreOptions()) as connection:
        with pytest.raises(ProgrammingError if "postgres" in url else Unavailable):
            await SQL.ping(connection)


async def test_a_database_whose_tables_cannot_be_read_fails_the_ping(postgres_url: str) -> None:
    name = f"reader_{secrets.token_hex(4)}"
    owner = await asyncpg.connect(postgres_url)
    try:
        await owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
        reader = make_url(postgres_url).set(username=name, password="reader")
        url = reader.render_as_string(hide_password=False)
        async with SQL.connect(url, StoreOptions()) as connection:
            with pytest.raises(ProgrammingError, match="permission denied"):
                await SQL.ping(connection)

            await owner.execute(f"GRANT SELECT ON users, sessions TO {name}")
            await SQL.ping(connection)
    finally:
        await owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
        await owner.close()


async def test_a_redis_server_whose_keys_cannot_be_read_fails_the_ping(
    redis_server: Server,
) -> None:
    name = f"reader_{secrets.token_hex(4)}"
    async with Redis.from_url(redis_server.url) as administrator:
        await administrator.acl_setuser(
            name, enabled=True, passwords=["+reader"], categories=["+@all"]
        )
        try:
            url = redis_server.url.replace("://", f"://{name}:reader@")
            async with REDIS.connect(url, StoreOptions()) as connection:
                with pytest.raises(Unavailable):
                    await REDIS.ping(connection)

                await administrator.acl_setuser(name, keys=["doorward:*"])
                await REDIS.ping(connection)
        finally:
            await administrator.acl_deluser(name)
