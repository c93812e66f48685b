"""The observer of the stores receives each call, and those that get no answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from domain.errors import Unavailable
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.sql.database import Database


class Calls:
    def __init__(self) -> None:
        self.ended: list[tuple[str, str, str]] = []

    @contextmanager
    def observe(self, store: str, role: str) -> Iterator[None]:
        outcome = "answered"
        try:
            yield
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            self.ended.append((store, role, outcome))


async def test_calls_to_a_database_are_observed(sqlite_url: str) -> None:
    calls = Calls()

    async with Database.open(sqlite_url, StoreOptions(observer=calls.observe)) as database:
        async with database.connection("users"):
            pass
        async with database.transaction("sessions"):
            pass

    assert calls.ended == [("sqlite", "users", "answered"), ("sqlite", "sessions", "answered")]


async def test_calls_to_a_database_that_is_down_are_observed_as_unavailable() -> None:
    calls = Calls()

    async with Database.open(
        "postgres://127.0.0.1:1/db", StoreOptions(observer=calls.observe)
    ) as database:
        for block in (database.connection, database.transaction):
            with pytest.raises(Unavailable):
                async with block("users"):
                    pass

    assert calls.ended == [("postgresql", "users", "Unavailable")] * 2


async def test_calls_to_redis_are_observed(redis_url: str) -> None:
    calls = Calls()

    async with (
        RedisServer.open(redis_url, StoreOptions(observer=calls.observe)) as server,
        server.connection("sessions") as redis,
    ):
        await redis.call("PING")

    assert calls.ended == [("redis", "sessions", "answered")]


async def test_calls_to_a_redis_that_is_down_are_observed_as_unavailable() -> None:
    calls = Calls()

    async with RedisServer.open(
        "redis://127.0.0.1:1", StoreOptions(observer=calls.observe)
    ) as server:
        with pytest.raises(Unavailable):
            async with server.connection("sessions") as redis:
                await redis.call("PING")

    assert calls.ended == [("redis", "sessions", "Unavailable")]
