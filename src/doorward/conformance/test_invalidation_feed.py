"""The contract of InvalidationFeed. Changes are made as by another process."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from domain.session import Session
from doorward.conformance.support.deployment import (
    Deployment,
    Record,
    Subscription,
    open_deployment,
    open_feed,
    owner,
)
from doorward.conformance.support.examples import refreshed
from doorward.conformance.support.opening import PATIENT, until
from infrastructure.storage.backends import Backend

pytestmark = pytest.mark.asyncio

BOUND = timedelta(seconds=0.3)


@pytest.fixture
def feed_backend(backend: Backend[Any]) -> Backend[Any]:
    if backend.feed is None:
        pytest.skip("the backend has no invalidation feed, so nothing is cached")
    return backend


@pytest_asyncio.fixture
async def deployment(feed_backend: Backend[Any], store_url: str) -> AsyncIterator[Deployment]:
    async with open_deployment(feed_backend, store_url) as opened:
        yield opened


async def poll(seconds: float) -> AsyncIterator[None]:
    """Yield every 10 ms, for so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.01)
        yield


async def test_a_feed_becomes_live_and_stays_live(
    feed_backend: Backend[Any], store_url: str
) -> None:
    async with (
        feed_backend.connect(store_url, PATIENT) as connection,
        open_feed(feed_backend, connection, BOUND) as feed,
    ):
        await until(feed.is_live)
        received, polls = Subscription(feed).received, [False]
        for _ in range(20):  # a busy machine may poll too late
            if all(polls):
                break
            received.clear()
            polls = [feed.is_live() async for _ in poll(2.7 * BOUND.total_seconds())]

        assert all(polls)
        assert received == []


async def test_every_subscriber_receives_each_change(deployment: Deployment) -> None:
    async for record, change in deployment.changes():
        subscribers = [Subscription(deployment.feed) for _ in range(3)]

        await change()

        for subscriber in subscribers:
            await subscriber.receives(owner(record))


async def test_a_change_is_reported_after_it_was_made(deployment: Deployment) -> None:
    """A read that follows the report returns the new record."""
    watched: list[Record] = []
    reads: list[asyncio.Task[object]] = []

    def read(_: object) -> None:
        reads.extend(asyncio.create_task(deployment.get(record)) for record in watched)

    deployment.feed.subscribe(read)
    for _ in range(10):
        async for record, change in deployment.changes():
            subscription = Subscription(deployment.feed)
            watched.append(record)

            await change()
            await subscription.receives(owner(record))

            watched.clear()  # a read that goes on after the test keeps its connection
            assert reads
            assert record not in await asyncio.gather(*reads)
            reads.clear()


async def test_a_change_is_reported_for_no_other_user(
    deployment: Deployment, names_users: bool
) -> None:
    others = [await deployment.add(kind) for kind in deployment.other]
    await deployment.settle()
    subscription = Subscription(deployment.feed)

    async for record, change in deployment.changes():
        await change()
        await subscription.receives(owner(record))

    assert not subscription.ids & {owner(record) for record in others}
    if names_users:
        assert None not in subscription.ids


async def test_a_rotation_is_reported_for_its_user_or_not_at_all(
    deployment: Deployment, names_users: bool
) -> None:
    if Session not in deployment.other:
        pytest.skip("the backend stores no sessions")
    session = await deployment.add(Session)
    assert isinstance(session, Session)
    await deployment.settle()
    subscription = Subscription(deployment.feed)

    assert (await deployment.other[Session].replace(session, refreshed(session))).changed

    await deployment.settle()
    received = subscription.ids - deployment.markers
    assert received <= ({session.user_id} if names_users else {session.user_id, None})
