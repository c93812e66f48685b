"""Readiness, the start and `doorward doctor` try whether the stores can be written."""

import pkgutil
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import make_url

from domain.errors import Unavailable
from doorward.diagnostics.doctor import check_schema, check_store
from infrastructure.config.settings import Settings
from infrastructure.storage import redis as redis_adapters
from infrastructure.storage.locations import Location
from infrastructure.storage.not_ready import NotReady
from infrastructure.storage.redis.multiplexer import RedisMultiplexer, Script
from infrastructure.storage.schema_version import move_up, require_usable
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand
from tests.support import servers
from tests.support.commands import assert_one_line, doorward
from tests.support.waiting import PATIENT

SQL_TABLES = ("users", "sessions", "rate_limits", "audit_events")


async def require_ready(users_url: str, sessions_url: str) -> None:
    """Ask as `/health/ready` does.

    :raises Exception: the service is not ready.
    """
    async with open_stores(users_url, sessions_url, PATIENT) as stores:
        for check in stores.health.values():
            await check()


async def require_writes(url: str, variable: str) -> None:
    """Check as `doorward doctor` and the start do.

    :raises NotReady: the stores cannot be written.
    """
    role = "sessions" if variable == "REDIS_URL" else "users"
    await check_store(Settings.read({variable: url}), Location(role, variable, url))  # type: ignore[arg-type] # one of the two roles


@pytest.mark.parametrize("fixture", ["sqlite_url", "postgres_url"])
async def test_the_check_of_a_database_leaves_no_row(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    url = str(request.getfixturevalue(fixture))

    await require_ready(url, url)

    for table in SQL_TABLES:
        assert (await by_hand(url, f"SELECT count(*) FROM {table}"))[0][0] == 0  # noqa: S608 - see above


async def test_the_check_of_redis_leaves_no_key(redis_url: str) -> None:
    await require_ready("memory:", redis_url)

    async with Redis.from_url(redis_url) as client:
        assert [key async for key in client.scan_iter("doorward:*")] == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        "REVOKE INSERT ON users FROM {role}",
        "REVOKE UPDATE ON sessions FROM {role}",
        "REVOKE DELETE ON rate_limits FROM {role}",
        "REVOKE INSERT ON audit_events FROM {role}",
        "REVOKE UPDATE ON audit_chain FROM {role}",
    ],
)
async def test_a_database_that_cannot_be_written_is_not_ready(
    postgres_url: str, change: str
) -> None:
    role = f"writer_{secrets.token_hex(4)}"
    url = make_url(postgres_url).set(username=role, password="writer")
    writer = url.render_as_string(hide_password=False)
    owner = await asyncpg.connect(postgres_url)
    try:
        await owner.execute(
            f"CREATE ROLE {role} LOGIN PASSWORD 'writer'; "
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
        )
        await require_ready(writer, writer)

        await owner.execute(change.format(role=role))

        with pytest.raises(Unavailable):
            await require_ready(writer, writer)
    finally:
        await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await owner.close()


READ_ONLY = "?options=-c%20default_transaction_read_only%3Don"


def test_a_read_only_database_refuses_the_start_and_no_command_that_reads(
    postgres_url: str, tmp_path: Path
) -> None:
    url = f"{postgres_url}{READ_ONLY}"

    started = doorward(tmp_path, "serve", DATABASE_URL=url)
    shown = doorward(tmp_path, "users", "show", "ada@example.org", DATABASE_URL=url)

    assert_one_line(started, 1, "cannot be used for users: it is read-only")
    assert_one_line(shown, 1, "no user has that address")


async def test_the_doctor_says_that_a_database_is_read_only(postgres_url: str) -> None:
    url = f"{postgres_url}{READ_ONLY}"

    with pytest.raises(NotReady, match="it is read-only"):
        await require_writes(url, "DATABASE_URL")


async def test_an_sqlite_file_that_refuses_a_row_is_not_ready(sqlite_url: str) -> None:
    await require_ready(sqlite_url, sqlite_url)
    await by_hand(
        sqlite_url,
        "CREATE TRIGGER full BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'full'); END",
    )

    with pytest.raises(Unavailable):
        await require_ready(sqlite_url, sqlite_url)


async def test_a_full_redis_is_not_ready(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        before = await client.config_get("maxmemory")
        await client.config_set("maxmemory", "1")
        try:
            with pytest.raises(Unavailable):
                await require_ready("memory:", redis_url)
            with pytest.raises(NotReady, match="its memory is full"):
                await require_writes(redis_url, "REDIS_URL")
        finally:
            await client.config_set("maxmemory", before["maxmemory"] or "0")
    await require_ready("memory:", redis_url)


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ("+@all -@scripting", "its user lacks the right"),
        ("+@read", "its user lacks the right"),
        ("+@all -hset", "it fails with"),  # in a script, Valkey's error has another name
    ],
)
async def test_a_redis_user_without_the_rights_of_the_stores_is_not_ready(
    redis_url: str, rights: str, reason: str
) -> None:
    name = f"writer_{secrets.token_hex(4)}"
    url = redis_url.replace("://", f"://{name}:writer@")
    async with Redis.from_url(redis_url) as administrator:
        categories = [each for each in rights.split() if "@" in each]
        await administrator.acl_setuser(
            name,
            enabled=True,
            passwords=["+writer"],
            keys=["doorward:*"],
            categories=categories,
            commands=[each for each in rights.split() if each not in categories],
        )
        try:
            with pytest.raises(Unavailable):
                await require_ready("memory:", url)
            with pytest.raises(NotReady, match=reason):
                await require_writes(url, "REDIS_URL")
        finally:
            await administrator.acl_deluser(name)


async def test_the_check_of_redis_runs_every_script(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = set[str]()
    run = RedisMultiplexer.run

    async def note(self: RedisMultiplexer, script: Script, *arguments: Any) -> Any:
        executed.add(script.digest)
        return await run(self, script, *arguments)

    monkeypatch.setattr(RedisMultiplexer, "run", note)
    await require_ready("memory:", redis_url)

    names = [each.name for each in pkgutil.iter_modules(redis_adapters.__path__)]
    modules = [import_module(f"{redis_adapters.__name__}.{name}") for name in names]
    scripts = {
        each.digest
        for module in modules
        for each in vars(module).values()
        if isinstance(each, Script)
    }
    assert len(scripts) >= 3
    assert executed == scripts


async def test_redis_works_whatever_responses_the_url_asks_for(redis_url: str) -> None:
    await require_ready("memory:", f"{redis_url}?protocol=2&decode_responses=True&encoding=utf-16")


@asynccontextmanager
async def a_database(server: servers.Server, encoding: str) -> AsyncIterator[str]:
    name = f"doorward_test_{secrets.token_hex(8)}"
    owner = await asyncpg.connect(server.url)
    try:
        await owner.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0"
        )
        try:
            yield urlsplit(server.url)._replace(path=f"/{name}").geturl()
        finally:
            await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await owner.close()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_is_not_utf_8_is_refused(
    postgres: servers.Server, encoding: str
) -> None:
    async with a_database(postgres, encoding) as url:
        location = Location("users", "DATABASE_URL", url)
        expected = f"has a database with the encoding {encoding}"

        with pytest.raises(NotReady, match=expected):
            await move_up(location, PATIENT)  # `doorward migrate up`
        with pytest.raises(NotReady, match=expected):
            await require_usable(location, PATIENT)  # the start
        with pytest.raises(NotReady, match=expected):
            await check_schema(Settings.read({"DATABASE_URL": url}), location)  # the doctor
