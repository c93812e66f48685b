"""An upgrade is no bypass: a node of 0.2.0 knows no second factors, and gets past none.

Its statements are those that it really executed (``tests/schema/releases/0011``), with the values
of a user who has enrolled meanwhile.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from application.ports import Effects, HashClient
from domain.passwords.password import Password
from domain.second_factors.factors import SecondFactors, Totp
from domain.user import NO_PASSWORD, User
from doorward.conformance.support.social_login import an_identity
from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.stores import Stores, open_stores
from tests.support.builders import NOW, PASSWORD, a_user
from tests.support.doubles import QuickHasher
from tests.support.queries import queries

RELEASE = "0011"
COLUMNS = (
    "id", "name", "email", "email_key", "photo", "verified", "disabled", "password_hash", "role",
    "created_at", "updated_at", "generation",
)  # fmt: skip
NEW_HASH = "a hash that a node of 0.2.0 has made"

pytestmark = pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"], indirect=True)
Row = dict[str, Any]


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    async with open_stores(url, url, StoreOptions()) as stores:
        yield stores


class EarlierNode:
    """Executes statements of 0.2.0."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._recorded = list(queries(RELEASE, connection.dialect.name))

    async def _execute(self, form: str, values: Sequence[Any]) -> CursorResult[Any]:
        [statement, *_] = [
            each.statement
            for each in self._recorded
            if re.fullmatch(form, each.statement, re.DOTALL)
        ]
        result = await self._connection.exec_driver_sql(statement, tuple(values))
        await self._connection.commit()
        return result

    async def user_by_email(self, email: str) -> Row:
        form = r"SELECT users\.id, .*WHERE users\.email_key = \S+"
        row = (await self._execute(form, [email])).mappings().one()
        return dict(row)

    async def replace(self, old: Row, **changes: Any) -> int:
        """Compare and swap; return how many rows were changed."""
        new = old | changes
        values = [new[name] for name in COLUMNS]
        values += [old[name] for name in COLUMNS if name not in {"verified", "disabled"}]
        form = (
            r"UPDATE users SET id=.*generation=\S+ WHERE .*users\.verified = (?:false|0) "
            r"AND users\.disabled = (?:false|0) .*"
        )
        return (await self._execute(form, values)).rowcount

    async def delete(self, row: Row) -> int:
        return (
            await self._execute(r"DELETE FROM users WHERE users\.id = \S+", [row["id"]])
        ).rowcount


@pytest.fixture
async def node(url: str) -> AsyncIterator[EarlierNode]:
    address, options = connect_options(url)
    engine = create_async_engine(address, connect_args=options)
    async with engine.connect() as connection:
        yield EarlierNode(connection)
    await engine.dispose()


@pytest.fixture
async def user(stores: Stores) -> User:
    """A user with a password, and without a second factor."""
    password_hash = await QuickHasher().hash(Password.parse(PASSWORD), HashClient("192.0.2.1"))
    user = a_user(password_hash=password_hash)
    await stores.users.add(user)
    return user


async def enrol(stores: Stores, user: User) -> User:
    factors = SecondFactors(user.id)
    app = replace(factors, totp=Totp("sealed"), recovery_codes=frozenset({"digest"}))
    assert (await stores.second_factors.replace(factors, app)).changed
    enrolled = user.with_second_factor(has=True, now=NOW)
    assert (await stores.users.replace(user, enrolled)).changed
    return enrolled


async def accepts(row: Row, password: str) -> bool:
    """Verify a password as a node of 0.2.0 does: with the hash that its statement returns."""
    client = HashClient("192.0.2.1")
    return await QuickHasher().verify(Password.parse(password), row["password_hash"], client)


async def test_it_finds_no_password_of_a_user_with_a_second_factor(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    assert await accepts(await node.user_by_email(user.email.key), PASSWORD)

    await enrol(stores, user)

    row = await node.user_by_email(user.email.key)
    assert row["password_hash"] == NO_PASSWORD
    assert not await accepts(row, PASSWORD)
    assert list(row) == list(COLUMNS)  # and nothing else that could hold a hash
    stored = await stores.users.get(user.id)
    assert stored is not None
    assert stored.password_hash == user.password_hash


async def test_a_login_that_began_before_the_enrolment_brings_no_hash_back(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    """It renews an outdated hash; a change of the password does the same."""
    before = await node.user_by_email(user.email.key)
    enrolled = await enrol(stores, user)

    assert await node.replace(before, password_hash=NEW_HASH) == 0

    assert await stores.users.get(user.id) == enrolled
    assert not await accepts(await node.user_by_email(user.email.key), PASSWORD)
    # Its session belongs to the generation before, which it compares with the stored one.
    row = await node.user_by_email(user.email.key)
    assert row["generation"] == before["generation"] + 1


async def test_a_password_that_it_sets_is_good_with_the_second_factor_only(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    """`doorward users set-password` of 0.2.0: the operator needs no current password."""
    enrolled = await enrol(stores, user)
    row = await node.user_by_email(user.email.key)

    changed = await node.replace(row, password_hash=NEW_HASH, generation=row["generation"] + 1)

    assert changed == 1
    assert (await node.user_by_email(user.email.key))["password_hash"] == NO_PASSWORD
    stored = await stores.users.get(user.id)
    assert stored == replace(enrolled, password_hash=NEW_HASH, generation=enrolled.generation + 1)
    assert stored.has_second_factor
    renamed = replace(stored, name="Ada King")
    assert (await stores.users.replace(stored, renamed)).changed


async def test_what_else_it_changes_leaves_the_second_factor(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    enrolled = await enrol(stores, user)

    for name, value in (("name", "Ada King"), ("role", "admin")):
        row = await node.user_by_email(user.email.key)
        assert await node.replace(row, **{name: value}) == 1

    stored = await stores.users.get(user.id)
    assert stored is not None
    assert (stored.name, stored.role.value) == ("Ada King", "admin")
    assert (stored.has_second_factor, stored.password_hash) == (True, enrolled.password_hash)


async def test_a_user_whom_it_deletes_leaves_no_second_factor(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    await enrol(stores, user)

    assert await node.delete(await node.user_by_email(user.email.key)) == 1

    assert await stores.users.get(user.id) is None
    assert await stores.second_factors.of_user(user.id) == SecondFactors(user.id)
    assert await stores.second_factors.page(None, 10) == []


async def test_a_user_whom_it_deletes_leaves_no_identity(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    identity = an_identity(user)
    assert (await stores.users.replace(user, user, Effects(linked=identity))).changed

    assert await node.delete(await node.user_by_email(user.email.key)) == 1

    assert await stores.identities.find(identity.issuer, identity.subject) is None


async def test_after_the_last_factor_it_finds_the_password_again(
    stores: Stores, node: EarlierNode, user: User
) -> None:
    enrolled = await enrol(stores, user)
    removed = enrolled.with_second_factor(has=False, now=NOW)
    assert (await stores.users.replace(enrolled, removed)).changed

    assert await accepts(await node.user_by_email(user.email.key), PASSWORD)
