"""Keys of addresses that are stored already follow the rule of today (migration 0009)."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from domain.email import Email
from domain.user import User
from infrastructure.storage.sql.migrations.runner import downgrade, upgrade
from infrastructure.storage.stores import open_stores
from tests.contracts.conftest import by_hand
from tests.support.builders import a_user
from tests.support.waiting import PATIENT

BEFORE = {
    "user@faß.de": "user@fass.de",
    "user@βόλος.com": "user@xn--nxasmq6b.com",
    "straße@example.com": "strasse@example.com",
    "ada@münchen.example": "ada@xn--mnchen-3ya.example",
    "ada@example.org": "ada@example.org",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    fixture = {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"}[request.param]
    return str(request.getfixturevalue(fixture))


def stored_before(address: str, key: str) -> User:
    return replace(a_user(), email=Email(address, key))


async def add(url: str, *users: User) -> None:
    """Store users as the release of revision 0008 did."""
    for user in users:
        created = user.created_at.strftime("%Y-%m-%d %H:%M:%S")
        user_id = user.id if url.startswith("postgres") else user.id.hex
        await by_hand(
            url,
            "INSERT INTO users "  # noqa: S608 - values of this test
            "(id, name, email, email_key, password_hash, created_at, updated_at) "
            f"VALUES ('{user_id}', 'Ada', '{user.email.address}', '{user.email.key}', 'a hash', "
            f"'{created}', '{created}')",
        )


async def keys(url: str) -> dict[str, str]:
    return dict(await by_hand(url, "SELECT email, email_key FROM users"))


async def find(url: str, address: str) -> Any:
    async with open_stores(url, url, PATIENT) as stores:
        found = await stores.users.by_email(Email.parse(address))
        return found and found.id


async def test_addresses_stored_earlier_are_found_after_the_migration(url: str) -> None:
    await upgrade(url, "0008")
    users = [stored_before(*each) for each in BEFORE.items()]
    await add(url, *users)

    await upgrade(url)

    for user in users:
        assert await find(url, user.email.address) == user.id
    assert await find(url, "user@xn--fa-hia.de") == users[0].id
    assert await find(url, "user@fass.de") is None

    await downgrade(url, "0008")

    assert await keys(url) == BEFORE


async def test_a_user_whose_new_key_is_taken_keeps_the_old_one_and_is_reported(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await upgrade(url, "0008")
    first = stored_before("user@faß.de", "user@fass.de")
    second = stored_before("user@xn--fa-hia.de", "user@xn--fa-hia.de")
    await add(url, first, second)

    with caplog.at_level(logging.WARNING):
        await upgrade(url)

    assert await find(url, "user@fass.de") == first.id
    assert await find(url, "user@faß.de") == second.id
    [record] = [r.msg for r in caplog.records if isinstance(r.msg, dict)]
    assert record["event"] == "email_key_taken"
    assert (record["user_id"], record["taken_by"]) == (str(first.id), str(second.id))


async def test_a_user_whose_address_is_refused_today_is_reported(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await upgrade(url, "0008")
    refused = stored_before("user@a\u05d0b.de", "user@xn--ab-zhc.de")  # mixes two directions
    await add(url, refused)

    with caplog.at_level(logging.WARNING):
        await upgrade(url)

    [record] = [r.msg for r in caplog.records if isinstance(r.msg, dict)]
    assert (record["event"], record["user_id"]) == ("email_refused", str(refused.id))
    assert await keys(url) == {refused.email.address: refused.email.key}


async def test_a_second_migrate_up_repairs_later_writes_of_an_earlier_release(url: str) -> None:
    await upgrade(url)
    late = stored_before("user@faß.de", "user@fass.de")
    await add(url, late)

    await upgrade(url)

    assert await find(url, "user@faß.de") == late.id
