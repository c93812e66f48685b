"""The conformance tests of the feed, on each built-in backend, and tests of its technology."""

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from domain.session import Session
from domain.user import User, UserId
from doorward.conformance.support.deployment import (
    Deployment,
    Subscription,
    open_deployment,
    open_feed,
    owner,
    stores_of,
)
from doorward.conformance.support.opening import PATIENT, until
from doorward.conformance.test_invalidation_feed import *  # noqa: F403
from doorward.conformance.test_invalidation_feed import BOUND, poll
from infrastructure.storage.backends import load
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.redis.backend import BACKEND as REDIS
from infrastructure.storage.redis.invalidation_feed import RedisFeed
from infrastructure.storage.redis.server import RedisServer
from infrastructure.storage.redis.sessions import PREFIX, RedisSessions
from infrastructure.storage.sql.backend import BACKEND as SQL
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.invalidation_feed import PostgresFeed
from tests.conftest import schemes, url_for
from tests.support import servers
from tests.support.builders import a_user
from tests.support.doubles import TcpProxy

OPTIONS = StoreOptions(timeout=timedelta(seconds=0.5))


# Changes by hand


POSTGRES_STATEMENTS = [
    "UPDATE users SET disabled = true WHERE id = $1",
    "UPDATE users SET name = 'Countess'",
    "DELETE FROM users WHERE id = $1",
    "DELETE FROM users",
    "TRUNCATE users",
    "TRUNCATE users, sessions, rate_limits",
    "DELETE FROM sessions WHERE user_id = $1",
    "DELETE FROM sessions WHERE expires_at > now()",
    "TRUNCATE sessions",
]
SQLITE_STATEMENTS = [
    "UPDATE users SET disabled = true WHERE id = ?",
    "UPDATE users SET name = 'Countess'",
    "DELETE FROM users WHERE id = ?",
    "DELETE FROM users",
    "DELETE FROM sessions WHERE user_id = ?",
    "DELETE FROM sessions",
    "UPDATE sessions SET expires_at = started_at",
]
REDIS_COMMANDS = [
    "HDEL {key} {id}",
    "DEL {key}",
    "UNLINK {key}",
    "HSET {key} {id} x",
    "PEXPIRE {key} 1",
]


async def by_postgres(url: str, statement: str, user_id: UserId | None = None) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *[user_id] * ("$1" in statement))
    finally:
        await connection.close()


async def by_sqlite(url: str, statement: str, user_id: UserId) -> None:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(statement, [user_id.hex] * ("?" in statement))
        connection.commit()


async def by_redis(url: str, command: str) -> None:
    async with Redis.from_url(url) as redis:
        await redis.execute_command(*command.split())  # type: ignore[no-untyped-call]


async def assert_reported(
    deployment: Deployment, statement: str, run: Callable[[str, str, UserId], Awaitable[None]]
) -> None:
    kind = User if "users" in statement else Session
    records = [await deployment.add(kind) for _ in range(2)]
    await deployment.settle()
    subscription = Subscription(deployment.feed)

    session_id = records[0].id
    key = f"{PREFIX}{{{owner(records[0]).hex}}}"
    await run(deployment.url, statement.format(key=key, id=session_id), owner(records[0]))
    await deployment.settle()

    concerned = records[:1] if {"?", "$1", "{key}"} & set(statement.split()) else records
    for each in concerned:
        assert subscription.knows(owner(each)), statement


async def test_changes_by_hand_in_postgres_are_reported(postgres_url: str) -> None:
    async with open_deployment(SQL, postgres_url) as deployment:
        for statement in POSTGRES_STATEMENTS:
            await assert_reported(deployment, statement, by_postgres)


async def test_sessions_that_an_update_ends_in_postgres_are_reported(
    postgres_url: str,
) -> None:
    async with open_deployment(SQL, postgres_url) as deployment:
        await assert_reported(deployment, "UPDATE sessions SET expires_at = now()", by_postgres)


async def test_a_rolled_back_change_in_postgres_is_not_reported(postgres_url: str) -> None:
    async with open_deployment(SQL, postgres_url) as deployment:
        await deployment.add(User)
        await deployment.settle()
        subscription = Subscription(deployment.feed)

        await by_postgres(postgres_url, "BEGIN; DELETE FROM users; ROLLBACK")

        await deployment.settle()
        assert subscription.ids <= deployment.markers


async def test_changes_by_hand_in_sqlite_are_reported(sqlite_url: str) -> None:
    async with open_deployment(SQL, sqlite_url) as deployment:
        for statement in SQLITE_STATEMENTS:
            await assert_reported(deployment, statement, by_sqlite)


async def test_changes_by_hand_in_redis_are_reported(redis_url: str) -> None:
    async with open_deployment(REDIS, redis_url) as deployment:
        for statement in REDIS_COMMANDS:
            await assert_reported(
                deployment, statement, lambda url, command, _: by_redis(url, command)
            )


@pytest.fixture
def private_redis() -> Iterator[servers.Server]:
    """The server of the other tests may hold data of the developer: it is never emptied."""
    with servers.redis_server(sources=servers.OURS) as server:
        yield server


async def test_emptying_redis_is_reported_as_a_change_of_any_user(
    private_redis: servers.Server,
) -> None:
    async with open_deployment(REDIS, private_redis.url) as deployment:
        for command in ("FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC"):
            await deployment.add(Session)
            await deployment.settle()
            subscription = Subscription(deployment.feed)

            await by_redis(private_redis.url, command)

            await until(lambda subscription=subscription: None in subscription.ids)  # type: ignore[misc]
            assert subscription.is_live()


# Connections that break


@dataclass
class Remote:
    """A feed behind a connection that breaks. The other process has a connection of its own."""

    proxy: TcpProxy
    deployment: Deployment
    subscription: Subscription

    @property
    def is_live(self) -> bool:
        return self.subscription.is_live()

    async def change(self) -> UserId:
        """Revoke a session through the other process."""
        return await self.deployment.make_change()

    async def reports_changes(self) -> None:
        """Wait until the feed is live and reports a change."""
        await until(lambda: self.is_live)
        self.subscription.received.clear()
        await self.subscription.receives(await self.change())


@asynccontextmanager
async def behind(proxy: TcpProxy, scheme: str) -> AsyncIterator[Remote]:
    backend = load(scheme)
    async with (
        backend.connect(proxy.server_url, PATIENT) as other,
        backend.connect(proxy.url, OPTIONS) as connection,
        open_feed(backend, connection, BOUND) as feed,
    ):
        deployment = Deployment(proxy.server_url, feed, stores_of(backend, other))
        yield Remote(proxy, deployment, Subscription(feed))


@pytest.fixture(params=schemes("feed", networked=True))
async def proxy(request: pytest.FixtureRequest) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(url_for(request.param, request)) as proxy:
        yield proxy


@pytest.fixture
def scheme(proxy: TcpProxy) -> str:
    return proxy.server_url.partition(":")[0]


@pytest.fixture
async def remote(proxy: TcpProxy, scheme: str) -> AsyncIterator[Remote]:
    async with behind(proxy, scheme) as remote:
        await remote.reports_changes()
        yield remote


async def test_a_cut_connection_is_reported_and_made_again(remote: Remote) -> None:
    remote.subscription.received.clear()

    await remote.proxy.disconnect()
    await until(lambda: not remote.is_live)
    await until(lambda: remote.subscription.received)
    assert (None, False) in remote.subscription.received

    await remote.change()  # reported to no subscriber
    assert not remote.is_live
    remote.subscription.received.clear()
    await remote.proxy.accept()
    await until(lambda: remote.is_live)
    assert remote.subscription.received[0] == (None, False)  # before it was live
    await remote.reports_changes()


async def test_a_change_during_a_short_cut_is_reported(remote: Remote) -> None:
    remote.subscription.received.clear()

    await remote.proxy.disconnect()
    user_id = await remote.change()
    await remote.proxy.accept()

    await remote.subscription.receives(user_id)
    await remote.reports_changes()


async def test_a_silent_connection_is_not_live_after_the_bound(remote: Remote) -> None:
    """At most the bound after the last probe that was answered."""
    for _ in range(2):
        await remote.reports_changes()
        remote.proxy.stall()
        end = time.monotonic() + BOUND.total_seconds()
        user_id = await remote.change()

        await asyncio.sleep(end - time.monotonic())
        assert not remote.is_live

        remote.subscription.received.clear()
        await asyncio.sleep(2 * BOUND.total_seconds() * random.random())
        assert not remote.is_live
        await remote.proxy.disconnect()
        await remote.proxy.accept()
        await remote.subscription.receives(user_id)


async def test_a_change_during_a_silence_is_reported_before_the_feed_is_live(
    remote: Remote,
) -> None:
    """However long the silence: the connection holds, or it is made again."""
    for silence in (0.1, 0.5, 0.9, 1.1, 1.5, 2.5):
        await remote.reports_changes()
        remote.subscription.received.clear()
        remote.proxy.stall()
        end = time.monotonic() + silence * BOUND.total_seconds()
        user_id = await remote.change()
        await asyncio.sleep(end - time.monotonic())
        was_live = remote.is_live
        assert not was_live or silence < 1

        remote.proxy.resume()

        if not was_live:
            await until(lambda: remote.is_live)
            assert remote.subscription.knows(user_id)
        await remote.subscription.receives(user_id)


async def test_a_feed_that_opens_before_its_server_becomes_live_later(
    proxy: TcpProxy, scheme: str
) -> None:
    await proxy.disconnect()
    async with behind(proxy, scheme) as remote:
        await asyncio.sleep(BOUND.total_seconds() / 2)
        assert not remote.is_live

        await proxy.accept()

        await remote.reports_changes()


async def test_a_feed_that_opens_to_a_silent_server_becomes_live_later(
    proxy: TcpProxy, scheme: str
) -> None:
    proxy.stall()
    async with behind(proxy, scheme) as remote:
        await asyncio.sleep(BOUND.total_seconds() / 2)
        assert not remote.is_live
        proxy.resume()
        await remote.reports_changes()

        await proxy.disconnect()
        proxy.stall()
        await proxy.accept()
        proxy.stall()
        await asyncio.sleep(2 * BOUND.total_seconds() + OPTIONS.timeout.total_seconds())
        assert not remote.is_live
        proxy.resume()
        await remote.reports_changes()


async def test_a_feed_recovers_from_any_sequence_of_faults(remote: Remote, scheme: str) -> None:
    dice = random.Random(scheme)
    for _ in range(4):
        for _ in range(4):
            happening = dice.choice(["cut", "hang", "speak"])
            if happening == "cut":
                await remote.proxy.disconnect()
            elif happening == "hang":
                remote.proxy.stall()
            else:
                remote.proxy.resume()
            await asyncio.sleep(dice.random() * BOUND.total_seconds() / 2)
            if happening == "cut":
                await remote.proxy.accept()
        remote.proxy.resume()
        await remote.reports_changes()


async def test_a_connection_that_the_server_closes_is_made_again(
    remote: Remote, scheme: str
) -> None:
    remote.subscription.received.clear()
    if scheme == "redis":
        await by_redis(remote.proxy.server_url, "CLIENT KILL TYPE normal")
    else:
        await by_postgres(
            remote.proxy.server_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()",
        )

    await until(lambda: None in remote.subscription.ids)
    await remote.reports_changes()


MOMENTS = ["live", "not connected yet", "cut", "silent", "silent for long"]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_closed_feed_leaves_no_task_and_no_connection(
    proxy: TcpProxy, scheme: str, moment: str
) -> None:
    backend = load(scheme)
    async with backend.connect(proxy.url, OPTIONS) as connection:
        tasks = asyncio.all_tasks()
        async with open_feed(backend, connection, BOUND) as feed:
            if moment != "not connected yet":
                await until(feed.is_live)
            if moment == "cut":
                await proxy.disconnect()
            elif moment.startswith("silent"):
                proxy.stall()
                long = "long" in moment
                await asyncio.sleep(BOUND.total_seconds() * (1.6 if long else 0.3))
            begin = time.monotonic()
        assert time.monotonic() - begin < 1.0
        assert not feed.is_live()
        proxy.resume()
        await until(lambda: not proxy.is_in_use)
        await until(lambda: asyncio.all_tasks() <= tasks | proxy._calls)
        received = Subscription(feed).received
        await asyncio.sleep(BOUND.total_seconds())
        assert not feed.is_live()
        assert received == []


@pytest.mark.parametrize("scheme", schemes("feed", networked=True))
async def test_a_feed_can_be_closed_at_any_moment(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    """Also while it probes: asyncio.wait_for() can lose a cancellation then (gh-86296)."""
    dice = random.Random(scheme)
    backend, often = load(scheme), timedelta(milliseconds=2)
    async with backend.connect(url_for(scheme, request), OPTIONS) as connection:
        tasks = asyncio.all_tasks()
        try:
            for _ in range(15):
                async with asyncio.timeout(2), open_feed(backend, connection, often):
                    await asyncio.sleep(dice.random() * 0.02)
        finally:
            for task in asyncio.all_tasks() - tasks:
                for _ in range(100):
                    task.cancel()
                    await asyncio.sleep(0)


async def test_a_feed_behind_a_pool_that_forwards_no_notification_is_never_live(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PgBouncer in transaction mode: LISTEN has no effect."""

    async def without_effect(*_: object) -> None:
        pass

    monkeypatch.setattr(asyncpg.Connection, "add_listener", without_effect)
    async with (
        Database.open(postgres_url, OPTIONS) as database,
        PostgresFeed(database, BOUND) as feed,
    ):
        subscription = Subscription(feed)
        begins: list[float] = []
        feed.subscribe(lambda _: begins.append(time.monotonic()))
        async for _ in poll(5 * BOUND.total_seconds()):
            assert not subscription.is_live()
        assert len(begins) > 2


async def test_a_server_that_ends_idle_sessions_does_not_end_the_feed(postgres_url: str) -> None:
    url = f"{postgres_url}?options=-c%20idle_session_timeout%3D20ms"
    observer = await asyncpg.connect(postgres_url)
    try:
        async with Database.open(url, OPTIONS) as database, PostgresFeed(database, BOUND) as feed:
            await until(feed.is_live)
            listener, probes = await observer.fetchval(LISTENERS), set[Any]()
            async with asyncio.timeout(30):
                while len(probes) < 4:
                    probes.add(await observer.fetchval(LAST_PROBE))
                    await asyncio.sleep(0.01)

            assert len(listener) == 1
            assert await observer.fetchval(LISTENERS) == listener
    finally:
        await observer.close()


LISTENERS = """
SELECT array_agg(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'LISTEN %'
"""
LAST_PROBE = """
SELECT max(query_start) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'SELECT pg_notify(%'
"""


async def test_a_feed_whose_answers_are_older_than_the_bound_is_not_live(
    proxy: TcpProxy, scheme: str
) -> None:
    """Each answer arrives, but later than the bound."""
    backend, patient = load(scheme), StoreOptions(timeout=timedelta(seconds=10))
    async with (
        backend.connect(proxy.url, patient) as connection,
        open_feed(backend, connection, BOUND) as feed,
    ):
        await until(feed.is_live)
        proxy.lag = 1.5 * BOUND.total_seconds()
        await until(lambda: not feed.is_live())
        async for _ in poll(6 * BOUND.total_seconds()):
            assert not feed.is_live()


async def test_a_feed_of_a_server_that_became_a_replica_is_not_live(
    private_redis: servers.Server,
) -> None:
    async with (
        RedisServer.open(private_redis.url, OPTIONS) as server,
        RedisFeed.open(server, BOUND) as feed,
    ):
        sessions = RedisSessions(server)
        await sessions.of_user(a_user().id)
        await until(feed.is_live)
        link = server._multiplexer._pipeline
        await by_redis(private_redis.url, "REPLICAOF 127.0.0.1 1")
        try:
            await until(lambda: not feed.is_live())
            # Its data is just as old: reads go to a new connection, too.
            assert server._multiplexer._pipeline is not link
            async for _ in poll(3 * BOUND.total_seconds()):
                assert not feed.is_live()
        finally:
            await by_redis(private_redis.url, "REPLICAOF NO ONE")
        await until(feed.is_live)
