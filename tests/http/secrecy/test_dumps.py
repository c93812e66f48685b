"""A reader of the stores finds nothing to log in with."""

import re
from collections.abc import Iterable

import pytest
import redis
from sqlalchemy import create_engine, text

from infrastructure.config.settings import Settings
from tests.http.client import Client
from tests.support.builders import PASSWORD


def of_sqlite(url: str) -> Iterable[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        for (table,) in connection.execute(
            text("SELECT name FROM sqlite_master WHERE type='table'")
        ):
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608
                yield repr(tuple(row))
    engine.dispose()


def of_redis(url: str) -> Iterable[str]:
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter("*"):
            yield repr((key, client.dump(key), client.hgetall(key)))


@pytest.mark.parametrize("settings", ["sqlite", "sqlite and redis"], indirect=True)
async def test_a_dump_of_the_stores_holds_no_credential(
    client: Client, settings: Settings
) -> None:
    await client.register()
    tokens = (await client.log_in(transport="bearer")).json()
    later = (await client.refresh(tokens["refresh_token"])).json()
    await client.log_in()

    dump = "\n".join(of_sqlite(settings.storage.users_at))
    if settings.storage.sessions_at.startswith("redis"):
        dump += "\n".join(of_redis(settings.storage.sessions_at))

    assert "ada@example.org" in dump  # it is the right dump
    assert PASSWORD not in dump
    assert not re.search(r"eyJ[\w-]{20,}", dump)
    for answer in (tokens, later):
        for token in (answer["access_token"], answer["refresh_token"]):
            assert not any(part in dump for part in token.split(".")[1:])
    assert client.cookies["device"].partition(".")[2] not in dump
    assert "PRIVATE KEY" not in dump
