"""The contract of UserRepository: additions of many users."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest

from application.pagination import Total
from application.ports import UserRepository
from domain.email import Email
from domain.permissions import Role
from domain.user import User, UserId
from doorward.conformance.support.examples import a_user
from doorward.conformance.support.user_lists import (
    EVERYONE,
    found,
    ranked_user,
    ranked_users,
    shuffled,
)

pytestmark = pytest.mark.asyncio


async def stored(users: UserRepository, some: Sequence[User]) -> list[User]:
    """Return the users that are stored unchanged."""
    return [user for user in some if await users.get(user.id) == user]


async def test_only_users_with_a_free_address_and_a_free_id_are_added(
    users: UserRepository,
) -> None:
    known = a_user(email=Email.parse("known@example.org"))
    await users.add(known)
    new, other = ranked_user(1), ranked_user(2, role=Role.ADMIN, disabled=True, verified=True)
    of_known_address = a_user(email=Email.parse("KNOWN@Example.org."))
    of_known_id = a_user(id=known.id, email=Email.parse("free@example.org"))

    added = (await users.add_all([of_known_address, new, of_known_id, other])).changed

    assert sorted(added) == sorted([new.id, other.id])
    assert await stored(users, [known, new, other]) == [known, new, other]
    assert await users.get(of_known_address.id) is None
    assert await users.by_email(of_known_id.email) is None
    assert await users.count(EVERYONE) == Total(3)


async def test_adding_no_users_stores_none(users: UserRepository) -> None:
    assert list((await users.add_all([])).changed) == []
    assert await users.count(EVERYONE) == Total(0)


async def test_adding_only_existing_users_stores_none(users: UserRepository) -> None:
    some = ranked_users(3)
    await users.add_all(some)

    assert list((await users.add_all(some)).changed) == []
    assert await found(users, EVERYONE) == some


async def test_of_several_users_with_one_address_in_a_list_one_is_added(
    users: UserRepository,
) -> None:
    spellings = ("ada@example.org", "ADA@Example.org.", "\uff41da@example.org")
    same = [a_user(email=Email.parse(spelling)) for spelling in spellings]
    other = ranked_user(1)

    added = (await users.add_all([*same, other])).changed

    winner = await users.by_email(same[0].email)
    assert winner in same
    assert sorted(added) == sorted([winner.id, other.id])
    assert await stored(users, same) == [winner]


async def test_of_several_users_with_one_id_in_a_list_one_is_added(users: UserRepository) -> None:
    user_id = UserId(uuid4())
    same = [ranked_user(place, id=user_id) for place in range(3)]

    added = (await users.add_all(same)).changed

    assert list(added) == [user_id]
    assert await users.get(user_id) in same
    assert await users.count(EVERYONE) == Total(1)


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in one order", "in many orders"])
async def test_a_user_added_concurrently_is_stored_once(
    users: UserRepository, is_shuffled: bool
) -> None:
    some = ranked_users(200)
    lists = [shuffled(some, seed) if is_shuffled else some for seed in range(6)]

    added = await asyncio.gather(*map(users.add_all, lists))

    assert sorted(each for stored in added for each in stored.changed) == sorted(
        user.id for user in some
    )
    assert await found(users, EVERYONE) == some


async def test_each_address_of_concurrently_added_lists_is_stored_once(
    users: UserRepository,
) -> None:
    lists = [ranked_users(50) for _ in range(6)]  # with distinct ids

    added = await asyncio.gather(*map(users.add_all, lists))

    there = await found(users, EVERYONE)
    assert [user.email for user in there] == [user.email for user in ranked_users(50)]
    assert sorted(each for stored in added for each in stored.changed) == sorted(
        user.id for user in there
    )


async def test_thousands_of_users_are_added_in_one_step(users: UserRepository) -> None:
    some = ranked_users(3000)  # more values than one SQL statement may take

    added = (await users.add_all(some)).changed

    assert sorted(added) == sorted(user.id for user in some)
