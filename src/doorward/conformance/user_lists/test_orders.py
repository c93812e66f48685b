"""The contract of UserRepository: the order of each list."""

from dataclasses import replace

import pytest

from application.pagination import UserQuery
from application.ports import UserRepository
from domain.email import Email
from domain.permissions import Role
from doorward.conformance.support.examples import MICROSECOND, NOW, a_user
from doorward.conformance.support.user_lists import EVERYONE, LISTS, found

pytestmark = pytest.mark.asyncio


async def test_a_list_without_a_search_begins_with_the_newest_user(users: UserRepository) -> None:
    oldest, newest, older = (a_user(email=Email.parse(f"{n}@example.org")) for n in range(3))
    oldest = replace(oldest, created_at=NOW.replace(microsecond=0))
    newest = replace(newest, created_at=NOW)
    older = replace(older, created_at=NOW - MICROSECOND)
    await users.add_all([oldest, newest, older])

    assert await found(users, EVERYONE) == [newest, older, oldest]


async def test_a_search_by_address_is_in_the_order_of_addresses(
    users: UserRepository,
) -> None:
    b, a, other = (
        a_user(email=Email.parse(f"{local}@example.org"), name=name)
        for local, name in (("ada.b", "Ada"), ("ada.a", "Zoe"), ("eve", "Eve"))
    )
    await users.add_all([b, a, other])

    assert await found(users, UserQuery(email="ada")) == [a, b]


async def test_a_search_by_name_is_in_the_order_of_names_in_any_case(
    users: UserRepository,
) -> None:
    c, a, b, other = (
        a_user(name=name, email=Email.parse(f"{number}@example.org"))
        for number, name in enumerate(("ADA C", "Ada A", "ada b", "Eve"))
    )
    await users.add_all([c, a, b, other])

    for name in ("ada", "ADA", "aDa "):
        assert await found(users, UserQuery(name=name)) == [a, b, c]


async def test_both_searches_together_are_in_the_order_of_addresses(
    users: UserRepository,
) -> None:
    z, a, other = (
        a_user(email=Email.parse(f"{local}@example.org"), name=name)
        for local, name in (("ada.z", "Ada A"), ("ada.a", "Ada Z"), ("ada.m", "Eve"))
    )
    await users.add_all([z, a, other])

    assert await found(users, UserQuery(email="ada", name="ada")) == [a, z]


async def test_a_list_returns_every_attribute_of_a_user(users: UserRepository) -> None:
    user = a_user(
        name="Zoë 👩‍💻",
        email=Email.parse("ÄDA@münchen.example."),
        role=Role.ADMIN,
        photo="ada.png",
        verified=True,
        disabled=True,
        updated_at=NOW + MICROSECOND,
        generation=7,
    )
    await users.add(user)

    for query in LISTS.values():
        [item] = await found(users, query)
        assert (item, item.email.address) == (user, user.email.address)
