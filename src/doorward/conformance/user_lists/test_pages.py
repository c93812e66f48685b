"""The contract of UserRepository: each user is on one page, whatever changes in between."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import pytest

from application.pagination import Page, Total, UserQuery
from application.ports import UserRepository
from domain.email import Email
from domain.user import User
from doorward.conformance.support.examples import a_user
from doorward.conformance.support.paging import NO_CURSORS, assert_no_cursor, pages_of
from doorward.conformance.support.user_lists import (
    EVERYONE,
    LISTS,
    NAMES,
    QUERIES,
    found,
    listed,
    ranked_user,
    ranked_users,
    varied_users,
)

pytestmark = pytest.mark.asyncio


async def all_pages(users: UserRepository, query: UserQuery, limit: int) -> list[Sequence[User]]:
    return await pages_of(lambda after: users.page(query, after, limit))


async def test_a_list_without_users_is_one_empty_page(users: UserRepository) -> None:
    for query in LISTS.values():
        assert await users.page(query, None, 10) == Page([])
        assert await users.count(query) == Total(0)


async def test_pages_of_every_size_list_each_user_once_in_order(users: UserRepository) -> None:
    everyone = varied_users()
    await users.add_all(everyone)

    for query in QUERIES:
        expected = listed(everyone, query)
        for size in (2, 7, max(1, len(expected) - 1), len(expected) or 1, 1000):
            pages = await all_pages(users, query, size)
            starts = range(0, len(expected) or 1, size)
            assert pages == [expected[start : start + size] for start in starts], query


MOVED: dict[str, Any] = {"name": "Ada 0007.5", "email": Email.parse("ada0007.5@example.org")}

Change = Callable[[UserRepository, list[User]], Awaitable[object]]

# The ranks of the changed users, and the change. The first page has four of ten users.
BETWEEN: dict[str, tuple[set[int], Change]] = {
    "one user of the first page is deleted": ({1}, lambda users, ten: users.delete(ten[1].id)),
    "the last user of the first page is deleted": (
        {3},
        lambda users, ten: users.delete(ten[3].id),
    ),
    "the first user of the second page is deleted": (
        {4},
        lambda users, ten: users.delete(ten[4].id),
    ),
    "a user is added before the first": (set(), lambda users, _: users.add(ranked_user(-1))),
    "a user is added between the pages": (set(), lambda users, _: users.add(ranked_user(3.5))),
    "a user is added after the last": (set(), lambda users, _: users.add(ranked_user(20))),
    "the last user of the first page is changed": (
        {3},
        lambda users, ten: users.replace(ten[3], replace(ten[3], photo="ada.png")),
    ),
    "the last user of the first page is moved to the second": (
        {3},
        lambda users, ten: users.replace(ten[3], replace(ten[3], **MOVED)),
    ),
    "the first user of the second page is changed": (
        {4},
        lambda users, ten: users.replace(ten[4], replace(ten[4], disabled=True)),
    ),
    "a user of the second page is moved to the front": (
        {8},
        lambda users, ten: users.replace(
            ten[8], replace(ten[8], name="Ada", email=Email.parse("a@example.org"))
        ),
    ),
}


@pytest.mark.parametrize(("touched", "change"), BETWEEN.values(), ids=BETWEEN)
async def test_a_change_between_two_pages_neither_repeats_nor_loses_others(
    users: UserRepository, touched: set[int], change: Change
) -> None:
    for query in LISTS.values():
        for user in await found(users, EVERYONE):
            await users.delete(user.id)
        ten = ranked_users(10)
        await users.add_all(ten)
        first = await users.page(query, None, 4)

        await change(users, ten)
        second = await users.page(query, first.next, 100)

        others = [user for rank, user in enumerate(ten) if rank not in touched]
        listed_others = [user for user in (*first.items, *second.items) if user in others]
        assert listed_others == others, query


async def test_a_user_changed_between_two_pages_is_listed_once_by_time(
    users: UserRepository,
) -> None:
    ten = ranked_users(10)
    await users.add_all(ten)
    first = await users.page(EVERYONE, None, 4)

    for user in (ten[2], ten[6]):
        await users.replace(user, replace(user, **MOVED | {"email": user.email}))
    second = await users.page(EVERYONE, first.next, 100)

    assert [user.id for user in (*first.items, *second.items)] == [user.id for user in ten]


async def test_names_of_all_kinds_are_on_one_page_each(users: UserRepository) -> None:
    some = [
        a_user(name=name, email=Email.parse(f"{number}@example.org"))
        for number, name in enumerate(NAMES * 2)
    ]
    await users.add_all(some)

    for size in (1, 2, 5):
        pages = await all_pages(users, UserQuery(name=""), size)

        assert sorted(user.id for page in pages for user in page) == sorted(u.id for u in some)


async def test_a_cursor_that_no_page_returned_is_refused(users: UserRepository) -> None:
    for query, after in product(LISTS.values(), NO_CURSORS):
        await assert_no_cursor(users.page(query, after, 10))


async def test_a_cursor_of_one_order_is_refused_in_another(users: UserRepository) -> None:
    await users.add_all(ranked_users(3))
    for one, other in permutations(LISTS.values(), 2):
        after = (await users.page(one, None, 1)).next
        assert after is not None

        await assert_no_cursor(users.page(other, after, 10))


async def test_a_cursor_after_the_last_user_is_valid(users: UserRepository) -> None:
    two = ranked_users(2)
    await users.add_all(two)

    for query in LISTS.values():
        after = (await users.page(query, None, 1)).next
        await users.delete(two[1].id)
        assert await users.page(query, after, 1) == Page([])
        await users.add(two[1])
