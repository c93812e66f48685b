"""The contract of UserRepository: lists, counts and additions of many users."""

import asyncio
import string
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import permutations, product
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from application.pagination import Page, Total, UserQuery
from application.ports import UserRepository
from domain.email import Email, beginning_of_email
from domain.permissions import Role
from domain.user import User, UserId
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND, a_user
from doorward.conformance.support.paging import NO_CURSORS, assert_no_cursor, pages_of

pytestmark = pytest.mark.asyncio

_T = TypeVar("_T")


@pytest.fixture
def users(uncached_users: UserRepository) -> UserRepository:
    """Return the users without the near cache, which passes lists, counts and additions on."""
    return uncached_users


EVERYONE = UserQuery()
LISTS = {"by time": EVERYONE, "by address": UserQuery(email=""), "by name": UserQuery(name="")}
FILTERS = list(product([None, *Role], [None, True, False]))


def ranked_user(rank: float, **changes: Any) -> User:
    """Return a user with this rank in every list; the lowest rank comes first."""
    user = a_user(
        name=f"Ada {rank:06.1f}",
        email=Email.parse(f"ada{rank:06.1f}@example.org"),
        created_at=NOW - rank * SECOND,
    )
    return replace(user, **changes)


def ranked_users(number: int) -> list[User]:
    return [ranked_user(rank) for rank in range(number)]


def varied_users() -> list[User]:
    """Return users of all filters in all combinations, with equal names and equal times."""
    names = ("Ada Lovelace", "ADA LOVELACE", "ada", "Adam", "Bob")
    times = (NOW, NOW - MICROSECOND)
    facts = list(product(names, Role, (True, False), times))
    return [
        a_user(
            name=name,
            email=Email.parse(f"{('ada', 'adam', 'bob')[number % 3]}{number}@example.org"),
            role=role,
            disabled=disabled,
            created_at=time,
        )
        for number, (name, role, disabled, time) in enumerate(shuffled(facts, 1))
    ]


def shuffled(items: Sequence[_T], seed: int) -> list[_T]:
    """Return the items in another order, the same in each run."""
    order = sorted(range(len(items)), key=lambda i: sha256(f"{seed} {i}".encode()).digest())
    return [items[i] for i in order]


def lowered(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))


def is_match(user: User, query: UserQuery) -> bool:
    return (
        user.email.key.startswith(query.email or "")
        and lowered(user.name).startswith(lowered(query.name or ""))
        and query.role in {None, user.role}
        and query.disabled in {None, user.disabled}
    )


def listed(some: Sequence[User], query: UserQuery) -> list[User]:
    """Return the matching users, in the order of the list."""
    found = [user for user in some if is_match(user, query)]
    if query.email is not None:
        return sorted(found, key=lambda user: (user.email.key, user.id))
    if query.name is not None:
        return sorted(found, key=lambda user: (lowered(user.name), user.id))
    return sorted(found, key=lambda user: (user.created_at, user.id), reverse=True)


async def found(users: UserRepository, query: UserQuery) -> list[User]:
    page = await users.page(query, None, 1000)
    assert page.next is None
    return list(page.items)


async def test_a_list_of_unverified_users_has_those_that_have_registered_before_a_time(
    users: UserRepository,
) -> None:
    unverified = ranked_user(1, self_registered=True)
    others = [
        ranked_user(0, self_registered=True),  # not before that time
        ranked_user(2, self_registered=True, verified=True),
        ranked_user(3),
    ]
    await users.add_all([unverified, *others])

    assert await found(users, UserQuery(unverified_before=NOW)) == [unverified]
    assert await users.count(UserQuery(unverified_before=NOW)) == Total(1)


async def all_pages(users: UserRepository, query: UserQuery, limit: int) -> list[Sequence[User]]:
    return await pages_of(lambda after: users.page(query, after, limit))


async def test_a_list_without_users_is_one_empty_page(users: UserRepository) -> None:
    for query in LISTS.values():
        assert await users.page(query, None, 10) == Page([])
        assert await users.count(query) == Total(0)


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


SEARCHES = {
    **LISTS,
    "some address": UserQuery(email="ada"),
    "some name": UserQuery(name="aDA"),
    "both": UserQuery(email="ada", name="ada"),
    "no user": UserQuery(name="Zoe"),
}


QUERIES = [
    replace(search, role=role, disabled=disabled)
    for search in SEARCHES.values()
    for role, disabled in FILTERS
]


async def test_pages_of_every_size_list_each_user_once_in_order(users: UserRepository) -> None:
    everyone = varied_users()
    await users.add_all(everyone)

    for query in QUERIES:
        expected = listed(everyone, query)
        for size in (2, 7, max(1, len(expected) - 1), len(expected) or 1, 1000):
            pages = await all_pages(users, query, size)
            starts = range(0, len(expected) or 1, size)
            assert pages == [expected[start : start + size] for start in starts], query


async def test_a_count_is_the_number_of_matching_users(users: UserRepository) -> None:
    everyone = varied_users()
    await users.add_all(everyone)

    for query in QUERIES:
        assert await users.count(query) == Total(len(listed(everyone, query))), query


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


NAMES = (
    "%",
    "%%",
    "100% Ada",
    "_",
    "_da",
    "a_b",
    "a%b",
    "\\",
    "\\% Ada",
    "back\\slash",
    "O'Brien",
    "''; DROP TABLE users",
    '"Ada"',
    "Ada [a-z]*?",
    "👩‍💻 Ada",
    "👩",
    "zoë",
    "zoë 李小龍",
    "李小龍",
    "محمد",
    "ΣΊΣΥΦΟΣ ΣΟΦΌΣ",
    "İdil",
    "Ada\U0010ffff",
)


async def test_every_beginning_of_a_name_finds_it(users: UserRepository) -> None:
    for name in NAMES:
        user = a_user(name=name)
        await users.add(user)

        for length in range(len(name) + 1):
            assert await found(users, UserQuery(name=name[:length])) == [user], name
            assert await users.count(UserQuery(name=name[:length])) == Total(1), name
        await users.delete(user.id)


async def test_a_search_by_name_finds_only_matching_names(users: UserRepository) -> None:
    some = [
        a_user(name=name, email=Email.parse(f"{number}@example.org"))
        for number, name in enumerate(NAMES)
    ]
    await users.add_all(some)

    for name in ("%", "_", "\\", "a_", "a%", "'", '"', "👩", "zoë", "李", "[a-z]", "*"):
        expected = {user.id for user in some if user.name.startswith(name)}
        assert {user.id for user in await found(users, UserQuery(name=name))} == expected


async def test_names_of_all_kinds_are_on_one_page_each(users: UserRepository) -> None:
    some = [
        a_user(name=name, email=Email.parse(f"{number}@example.org"))
        for number, name in enumerate(NAMES * 2)
    ]
    await users.add_all(some)

    for size in (1, 2, 5):
        pages = await all_pages(users, UserQuery(name=""), size)

        assert sorted(user.id for page in pages for user in page) == sorted(u.id for u in some)


ADDRESSES = (
    "a%b@example.org",
    "a_b@example.org",
    "%@example.org",
    "_@example.org",
    "o'brien@example.org",
    "ada+news@mail.example.org",
    "{ada}*?#$@example.org",
    "👩💻@example.org",
    "zoë@example.org",
    "李小龍@example.org",
    "ǰana@example.org",
    "straße@example.org",
    "\uff21\uff24\uff21@example.org",
    "Ada.Lovelace@Example.ORG",
)


async def test_every_beginning_of_an_address_finds_it(users: UserRepository) -> None:
    for address in ADDRESSES:
        user = a_user(email=Email.parse(address))
        await users.add(user)

        for length in range(len(address) + 1):
            query = UserQuery(email=beginning_of_email(address[:length]))
            assert await found(users, query) == [user], address
            assert await users.count(query) == Total(1), address
        await users.delete(user.id)


async def test_an_international_address_is_found_by_the_whole_of_it_or_the_local_part(
    users: UserRepository,
) -> None:
    user = a_user(email=Email.parse("Ada@München.example"))
    await users.add(user)

    for text in ("ada@münchen.example", "ADA@xn--mnchen-3ya.EXAMPLE", "ada@"):
        assert await found(users, UserQuery(email=beginning_of_email(text))) == [user]


async def test_a_search_by_address_finds_only_matching_addresses(
    users: UserRepository,
) -> None:
    some = [a_user(email=Email.parse(address)) for address in ADDRESSES]
    await users.add_all(some)

    for text in ("%", "_", "a_", "a%", "o'", "'", "*", "zo", "ada", "straß"):
        beginning = beginning_of_email(text)
        expected = {user.id for user in some if user.email.key.startswith(beginning)}
        page = await found(users, UserQuery(email=beginning))
        assert {user.id for user in page} == expected


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


async def stored(users: UserRepository, some: Sequence[User]) -> list[User]:
    """Return the users that are stored unchanged."""
    return [user for user in some if await users.get(user.id) == user]


async def test_up_to_1000_users_are_counted_exactly(users: UserRepository) -> None:
    await users.add_all(ranked_users(1000))

    for query in LISTS.values():
        assert await users.count(query) == Total(1000)


async def test_more_than_1000_users_are_counted_or_marked_as_an_estimate(
    users: UserRepository,
) -> None:
    await users.add_all(ranked_users(1500))

    for query in LISTS.values():
        total = await users.count(query)
        assert total == Total(1500) or (total.count >= 1001 and not total.is_exact)


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
