"""The conformance tests of user lists, on each built-in store, and tests of its technology."""

import asyncio
from contextlib import suppress
from datetime import datetime
from itertools import product
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from application.pagination import Total, UserQuery
from application.ports import UserRepository
from domain.email import Email
from domain.errors import InvalidInput
from domain.permissions import Role
from doorward.conformance.support.opening import PATIENT
from doorward.conformance.support.user_lists import (
    EVERYONE,
    LISTS,
    found,
    ranked_user,
    ranked_users,
)
from doorward.conformance.user_lists.conftest import *  # noqa: F403
from doorward.conformance.user_lists.test_additions import *  # noqa: F403
from doorward.conformance.user_lists.test_counts import *  # noqa: F403
from doorward.conformance.user_lists.test_filters import *  # noqa: F403
from doorward.conformance.user_lists.test_orders import *  # noqa: F403
from doorward.conformance.user_lists.test_pages import *  # noqa: F403
from infrastructure.storage.backends import backend_for
from tests.conftest import url_for
from tests.contracts.conftest import HOW_MANY_WAIT, by_hand, eventually
from tests.support.builders import a_user
from tests.support.cursors import forgeries

# All examples share one store: an example finds the users of those before it.
same_store = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


VISIBLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")),
    min_size=1,
    max_size=100,
)


@same_store
@given(name=VISIBLE, cut=st.integers(0, 100))
async def test_any_prefix_of_any_name_finds_it(users: UserRepository, name: str, cut: int) -> None:
    user = a_user(name=name, email=Email.parse(f"{uuid4()}@example.org"))
    await users.add(user)

    assert user in await found(users, UserQuery(name=name[:cut]))


TIMES = (
    "2026-01-31",
    "2026-01-31T12:00:00",
    "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999+00:00",
    "9999-12-31T23:59:59-23:59",
    "20260131T120000Z",
)


async def test_a_forged_time_is_refused_or_a_valid_cursor(users: UserRepository) -> None:
    for query, time in product(LISTS.values(), TIMES):
        await forge(users, query, time)


@same_store
@given(
    value=st.text()
    | st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)
    | st.sampled_from(TIMES)
    | st.uuids().map(str)
)
@example(value="")
@example(value="\x00")
@example(value="\U0010ffff")
@example(value="urn:uuid:{00000000-0000-0000-0000-000000000000}")
@example(value="f" * 32)
async def test_any_forged_cursor_is_refused_or_valid(users: UserRepository, value: str) -> None:
    for query in LISTS.values():
        await forge(users, query, value)


async def forge(users: UserRepository, query: UserQuery, value: str) -> None:
    """Expect a page or InvalidInput for each forged cursor, and no other error."""
    await users.add_all(ranked_users(3))
    first = await users.page(query, None, 1)
    assert first.next is not None
    for after in forgeries(first.next, value):
        with suppress(InvalidInput):
            assert (await users.page(query, after, 10)).next is None


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
async def test_without_an_estimate_all_users_are_counted(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    url = url_for(scheme, request)
    backend = backend_for(url, "users")
    async with backend.connect(url, PATIENT) as connection:
        assert backend.users
        users = backend.users(connection)
        await users.add_all(ranked_users(1500))

        for query in LISTS.values():
            assert await users.count(query) == Total(1500)


ESTIMATED = {
    "everyone": (EVERYONE, 2400),
    "a role": (UserQuery(role=Role.ADMIN), 1200),
    "enabled users": (UserQuery(disabled=False), 2200),
    "an address": (UserQuery(email="ada0"), 1600),
    "a name": (UserQuery(name="aDa 0"), 1600),
    "a role and a name": (UserQuery(name="ada", role=Role.USER), 1200),
}


async def test_postgresql_estimates_the_count_of_many_users(postgres_url: str) -> None:
    backend = backend_for(postgres_url, "users")
    async with backend.connect(postgres_url, PATIENT) as connection:
        assert backend.users
        users = backend.users(connection)
        some = [
            ranked_user(
                rank if rank < 1600 else rank + 1000,
                role=(Role.USER, Role.ADMIN)[rank % 2],
                disabled=rank % 12 == 0,
                **_prefixed(rank),
            )
            for rank in range(2400)
        ]
        await users.add_all(some)
        await by_hand(postgres_url, "ANALYZE users")

        for query, number in ESTIMATED.values():
            total = await users.count(query)
            assert not total.is_exact
            assert number / 2 <= total.count <= number * 2
        assert await users.count(UserQuery(disabled=True)) == Total(200)


def _prefixed(rank: int) -> dict[str, Any]:
    """Return a name and an address: two in three with the prefixes Ada 0 and ada0, or else 1."""
    first = int(rank >= 1600)
    email = Email.parse(f"ada{first}.{rank}@example.org")
    return {"name": f"Ada {first}.{rank}", "email": email}


async def test_two_lists_in_opposite_orders_are_both_added(postgres_url: str) -> None:
    first, middle, last = ranked_users(3)
    backend = backend_for(postgres_url, "users")
    other = await asyncpg.connect(postgres_url)
    async with backend.connect(postgres_url, PATIENT) as connection:
        assert backend.users
        users = backend.users(connection)
        undecided = other.transaction()  # about the address in the middle
        await undecided.start()
        await other.execute(
            "INSERT INTO users (id, name, email, email_key, password_hash, created_at, updated_at)"
            " VALUES (gen_random_uuid(), '', $1, $1, '', now(), now())",
            middle.email.key,
        )
        lists = asyncio.gather(
            users.add_all([first, middle, last]), users.add_all([last, middle, first])
        )
        await eventually(lambda: other.fetchval(HOW_MANY_WAIT), 2)

        await undecided.rollback()
        await other.close()
        one, another = await lists

    assert sorted([*one.changed, *another.changed]) == sorted([first.id, middle.id, last.id])
