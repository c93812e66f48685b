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


async def cached(deployment: Deployment) -> tuple[User, Subscription]:
    """Add a user and a session, which are no change of what is cached, and look at the feed."""
    user = await deployment.add(User)
    await deployment.add(Session)
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()
    assert subscription.received == []
    assert isinstance(user, User)
    return user, subscription


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
        "UPDATE OR REPLACE sessions SET rowid = 9",
        "UPDATE sessions SET expires_at = substr(expires_at, 1, 10) || 'T00:00:00'",
        "UPDATE sessions SET ends_at = started_at",
        "UPDATE sessions SET methods = 'totp'",
        "UPDATE sessions SET stepped_up = 1",
        "UPDATE sessions SET transport = 'bearer'",
        "ALTER TABLE users ADD COLUMN later TEXT",
    ],
)
async def test_replaced_rows_and_changed_ones_and_a_changed_schema_are_reported(
    deployment: Deployment, path: Path, statement: str
) -> None:
    user, subscription = await cached(deployment)

    change(path, statement)

    assert subscription.knows(user.id)


@pytest.mark.parametrize("table", ["users", "sessions"])
async def test_a_row_that_another_one_replaces_by_its_number_is_reported(
    deployment: Deployment, path: Path, table: str
) -> None:
    user, subscription = await cached(deployment)
    with closing(sqlite3.connect(path)) as connection:
        columns = [each[1] for each in connection.execute(f"PRAGMA table_info({table})")]
    new = ["'new'" if each in {"id", "email_key"} else each for each in columns]

    into, values = ", ".join(("rowid", *columns)), ", ".join(("rowid", *new))
    change(path, f"INSERT OR REPLACE INTO {table} ({into}) SELECT {values} FROM {table} LIMIT 1")  # noqa: S608

    assert subscription.knows(user.id)


async def test_a_user_replaced_by_another_one_with_the_same_address_is_reported(
    deployment: Deployment, path: Path
) -> None:
    user, subscription = await cached(deployment)

    change(
        path,
        "CREATE TEMP TABLE copy AS SELECT * FROM users",
        "UPDATE copy SET id = lower(hex(randomblob(16)))",
        "INSERT OR REPLACE INTO main.users SELECT * FROM copy",
    )

    assert subscription.knows(user.id)


async def test_a_restored_backup_is_reported_although_its_mark_is_the_same(
    deployment: Deployment, path: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "b")) as to:
        source.backup(to)
    session = a_session()
    await deployment.other[Session].add(session)  # which the backup lacks, and changes no mark
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()
    assert subscription.received == []

    with closing(sqlite3.connect(tmp_path / "b")) as source, closing(sqlite3.connect(path)) as to:
        source.backup(to)

    assert subscription.knows(session.user_id)
    assert await deployment.other[Session].get(session.user_id, session.id) is None


async def test_a_change_that_is_undone_by_hand_with_the_mark_set_back_is_reported(
    deployment: Deployment, path: Path
) -> None:
    user, subscription = await cached(deployment)
    with closing(sqlite3.connect(path)) as connection:
        [[before]] = connection.execute("SELECT mark FROM invalidations")
    change(path, "UPDATE users SET role = 'admin'")
    assert subscription.is_live()
    subscription.received.clear()

    set_back = f"UPDATE invalidations SET mark = {before}"  # noqa: S608 - a number
    change(path, set_back, "UPDATE users SET role = 'user'")

    assert subscription.knows(user.id)


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        ("DELETE FROM invalidations", "INSERT INTO invalidations VALUES (7)"),
        (
            "ALTER TABLE invalidations RENAME TO others",
            "ALTER TABLE others RENAME TO invalidations",
        ),
    ],
)
async def test_the_feed_is_not_live_without_the_mark_and_says_so_once(
    deployment: Deployment,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    mend: str,
) -> None:
    caplog.set_level("INFO", "doorward")
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()

    change(path, fault)

    assert not subscription.is_live()
    assert not subscription.is_live()
    assert subscription.ids == {None}  # the copies are dropped
    assert logged(caplog) == ["invalidation_feed_disconnected"]

    change(path, mend)

    assert subscription.is_live()
    assert logged(caplog) == ["invalidation_feed_disconnected", "invalidation_feed_connected"]


async def test_the_feed_is_not_live_without_one_of_the_triggers(
    deployment: Deployment, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        triggers = [
            name
            for name, text in connection.execute("SELECT name, sql FROM sqlite_schema")
            if text and "TRIGGER" in text and "invalidations" in text
        ]
    assert len(triggers) == 6
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()

    change(path, f"DROP TRIGGER {triggers[0]}")

    assert not subscription.is_live()


async def test_a_mark_that_is_no_number_does_no_harm(deployment: Deployment, path: Path) -> None:
    subscription = Subscription(deployment.feed)
    assert subscription.is_live()
    subscription.received.clear()

    change(path, "UPDATE invalidations SET mark = 'abc'")

    assert subscription.is_live()
    assert subscription.ids == {None}


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)]
