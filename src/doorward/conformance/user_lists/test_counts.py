"""The contract of UserRepository: the number of matching users."""

import pytest

from application.pagination import Total, UserQuery
from application.ports import UserRepository
from doorward.conformance.support.user_lists import (
    LISTS,
    QUERIES,
    listed,
    ranked_users,
    varied_users,
)

pytestmark = pytest.mark.asyncio


async def test_a_count_is_the_number_of_matching_users(users: UserRepository) -> None:
    everyone = varied_users()
    await users.add_all(everyone)

    for query in QUERIES:
        assert await users.count(query) == Total(len(listed(everyone, query))), query


async def test_up_to_1000_users_are_counted_exactly(users: UserRepository) -> None:
    await users.add_all(ranked_users(1000))

    for query in LISTS.values():
        assert await users.count(query) == Total(1000)


async def test_a_caller_may_want_more_users_counted_exactly(users: UserRepository) -> None:
    await users.add_all(ranked_users(1500))

    assert await users.count(UserQuery(), exact_up_to=1500) == Total(1500)


async def test_more_than_1000_users_are_counted_or_marked_as_an_estimate(
    users: UserRepository,
) -> None:
    await users.add_all(ranked_users(1500))

    for query in LISTS.values():
        total = await users.count(query)
        assert total == Total(1500) or (total.count >= 1001 and not total.is_exact)
