"""The feed of SQLite: what empties the near cache, and what leaves it alone."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from domain.session import Session
from domain.user import User
from doorward.conformance.support.deployment import (
    Deployment,
    Subscription,
    open_deployment,
)
from doorward.conformance.support.examples import refreshed
from infrastructure.storage.sql.backend import BACKEND as SQL
from tests.support.builders import a_session


@pytest.fixture
async def deployment(sqlite_url: str) -> AsyncIterator[Deployment]:
    async with open_deployment(SQL, sqlite_url) as deployment:
        await deployment.settle()
        yield deployment


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


def change(path: Path, *statements: str) -> None:
    """Make one transaction by hand."""
    with closing(sqlite3.connect(path)) as connection:
        for each in statements:
            connection.execute(each)
        connection.commit()


async def test_registrations_logins_and_refreshes_leave_the_cache_alone(
    deployment: Deployment, path: Path
) -> None:
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()

    await deployment.add(User)
    session = await deployment.add(Session)
    assert isinstance(session, Session)
    assert (await deployment.other[Session].replace(session, refreshed(session))).changed
    change(path, "INSERT INTO rate_limits (key, count, resets_at) VALUES ('k', 1, '2030-01-01')")

    assert subscription.is_live()
    assert subscription.received == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO users SELECT * FROM users",
        "INSERT OR REPLACE INTO sessions SELECT * FROM sessions",
        "ALTER TABLE users ADD COLUMN later TEXT",
    ],
)
async def test_replaced_rows_and_a_changed_schema_are_reported(
    deployment: Deployment, path: Path, statement: str
) -> None:
    user = await deployment.add(User)
    await deployment.add(Session)
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()
    assert subscription.received == []

    change(path, statement)

    assert isinstance(user, User)
    assert subscription.knows(user.id)


async def test_a_user_replaced_by_another_one_with_the_same_address_is_reported(
    deployment: Deployment, path: Path
) -> None:
    user = await deployment.add(User)
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()

    change(
        path,
        "CREATE TEMP TABLE copy AS SELECT * FROM users",
        "UPDATE copy SET id = lower(hex(randomblob(16)))",
        "INSERT OR REPLACE INTO main.users SELECT * FROM copy",
    )

    assert isinstance(user, User)
    assert subscription.knows(user.id)


async def test_a_restored_backup_is_reported_although_its_count_is_the_same(
    deployment: Deployment, path: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "b")) as to:
        source.backup(to)
    session = a_session()
    await deployment.other[Session].add(session)  # which the backup lacks, and changes no count
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()
    assert subscription.received == []

    with closing(sqlite3.connect(tmp_path / "b")) as source, closing(sqlite3.connect(path)) as to:
        source.backup(to)

    assert subscription.knows(session.user_id)
    assert await deployment.other[Session].get(session.user_id, session.id) is None


async def test_the_feed_is_not_live_without_the_count(deployment: Deployment, path: Path) -> None:
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()

    change(path, "DELETE FROM invalidations")

    assert not subscription.is_live()
    assert subscription.ids == {None}  # the copies are dropped

    change(path, "INSERT INTO invalidations VALUES (7)")
    assert subscription.is_live()
