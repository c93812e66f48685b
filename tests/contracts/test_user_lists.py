"""The contract of UserRepository where there are many: lists, counts and additions."""

import asyncio
import random
import string
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import permutations, product
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from application.pagination import Page, Total, UserQuery
from application.ports import UserRepository
from domain.email import Email, beginning_of_email
from domain.errors import InvalidInput
from domain.permissions import Role
from domain.user import User, UserId
from doorward.conformance.opening import PATIENT
from infrastructure.storage.backends import backend_for
from tests.conftest import url_for
from tests.contracts.conftest import (
    HOW_MANY_WAIT,
    by_hand,
    eventually,
    is_no_position,
    pages_of,
)
from tests.support.builders import MICROSECOND, NOW, SECOND, ada
from tests.support.cursors import NO_POSITIONS, forgeries

EVERYBODY = UserQuery()
LISTS = {"by time": EVERYBODY, "by address": UserQuery(email=""), "by name": UserQuery(name="")}
FILTERS = list(product([None, *Role], [None, True, False]))

# The place is the same in all examples: what one leaves there the next one finds.
same_place = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def person(place: float, **changes: object) -> User:
    """Somebody who is at this place in every list: the lowest is the first."""
    user = ada(
        name=f"Ada {place:06.1f}",
        email=Email.parse(f"ada{place:06.1f}@example.org"),
        created_at=NOW - place * SECOND,
    )
    return replace(user, **changes)  # type: ignore[arg-type] # fields and their values


def people(number: int) -> list[User]:
    return [person(place) for place in range(number)]


def crowd() -> list[User]:
    """All that can be asked for in all combinations, several of one name and of one time."""
    names = ("Ada Lovelace", "ADA LOVELACE", "ada", "Adam", "Bob")
    times = (NOW, NOW - MICROSECOND)
    facts = list(product(names, Role, (True, False), times))
    random.Random(1).shuffle(facts)
    return [
        ada(
            name=name,
            email=Email.parse(f"{('ada', 'adam', 'bob')[number % 3]}{number}@example.org"),
            role=role,
            disabled=disabled,
            created_at=time,
        )
        for number, (name, role, disabled, time) in enumerate(facts)
    ]


def lowered(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))


def is_asked_for(user: User, query: UserQuery) -> bool:
    return (
        user.email.key.startswith(query.email or "")
        and lowered(user.name).startswith(lowered(query.name or ""))
        and query.role in {None, user.role}
        and query.disabled in {None, user.disabled}
    )


def listed(some: Sequence[User], query: UserQuery) -> list[User]:
    """Those of them that are asked for, in order."""
    found = [user for user in some if is_asked_for(user, query)]
    if query.email is not None:
        return sorted(found, key=lambda user: (user.email.key, user.id))
    if query.name is not None:
        return sorted(found, key=lambda user: (lowered(user.name), user.id))
    return sorted(found, key=lambda user: (user.created_at, user.id), reverse=True)


async def found(users: UserRepository, query: UserQuery) -> list[User]:
    page = await users.page(query, None, 1000)
    assert page.next is None
    return list(page.items)


async def all_pages(users: UserRepository, query: UserQuery, limit: int) -> list[Sequence[User]]:
    return await pages_of(lambda after: users.page(query, after, limit))


@pytest.fixture
def users(uncached_users: UserRepository) -> UserRepository:
    """The near cache passes lists, counts and additions on."""
    return uncached_users


async def test_a_list_without_users_is_one_empty_page(users: UserRepository) -> None:
    for query in LISTS.values():
        assert await users.page(query, None, 10) == Page([])
        assert await users.count(query) == Total(0)


async def test_the_newest_come_first(users: UserRepository) -> None:
    oldest, newest, older = (ada(email=Email.parse(f"{n}@example.org")) for n in range(3))
    oldest = replace(oldest, created_at=NOW.replace(microsecond=0))
    newest = replace(newest, created_at=NOW)
    older = replace(older, created_at=NOW - MICROSECOND)
    await users.add_all([oldest, newest, older])

    assert await found(users, EVERYBODY) == [newest, older, oldest]


async def test_a_search_by_address_is_in_the_order_of_addresses(
    users: UserRepository,
) -> None:
    b, a, other = (
        ada(email=Email.parse(f"{local}@example.org"), name=name)
        for local, name in (("ada.b", "Ada"), ("ada.a", "Zoe"), ("eve", "Eve"))
    )
    await users.add_all([b, a, other])

    assert await found(users, UserQuery(email="ada")) == [a, b]


async def test_a_search_by_name_is_in_the_order_of_names_in_any_case(
    users: UserRepository,
) -> None:
    c, a, b, other = (
        ada(name=name, email=Email.parse(f"{number}@example.org"))
        for number, name in enumerate(("ADA C", "Ada A", "ada b", "Eve"))
    )
    await users.add_all([c, a, b, other])

    for name in ("ada", "ADA", "aDa "):
        assert await found(users, UserQuery(name=name)) == [a, b, c]


async def test_both_searches_together_are_in_the_order_of_addresses(
    users: UserRepository,
) -> None:
    z, a, other = (
        ada(email=Email.parse(f"{local}@example.org"), name=name)
        for local, name in (("ada.z", "Ada A"), ("ada.a", "Ada Z"), ("ada.m", "Eve"))
    )
    await users.add_all([z, a, other])

    assert await found(users, UserQuery(email="ada", name="ada")) == [a, z]


async def test_every_fact_of_a_user_is_in_the_list(users: UserRepository) -> None:
    user = ada(
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
    "nobody": UserQuery(name="Zoe"),
}


QUERIES = [
    replace(search, role=role, disabled=disabled)
    for search in SEARCHES.values()
    for role, disabled in FILTERS
]


async def test_pages_of_every_size_list_each_user_once_in_order(users: UserRepository) -> None:
    everybody = crowd()
    await users.add_all(everybody)

    for query in QUERIES:
        expected = listed(everybody, query)
        for size in (2, 7, max(1, len(expected) - 1), len(expected) or 1, 1000):
            pages = await all_pages(users, query, size)
            starts = range(0, len(expected) or 1, size)
            assert pages == [expected[start : start + size] for start in starts], query


async def test_those_that_are_asked_for_are_counted(users: UserRepository) -> None:
    everybody = crowd()
    await users.add_all(everybody)

    for query in QUERIES:
        assert await users.count(query) == Total(len(listed(everybody, query))), query


MOVED = {"name": "Ada 0007.5", "email": Email.parse("ada0007.5@example.org")}
Change = Callable[[UserRepository, list[User]], Awaitable[object]]
# The places of those who are changed, of ten of whom the first page has four, and how they are.
BETWEEN: dict[str, tuple[set[int], Change]] = {
    "somebody on the first page is deleted": ({1}, lambda users, ten: users.delete(ten[1].id)),
    "the last one there is deleted": ({3}, lambda users, ten: users.delete(ten[3].id)),
    "the next one is deleted": ({4}, lambda users, ten: users.delete(ten[4].id)),
    "a first one is added": (set(), lambda users, _: users.add(person(-1))),
    "one is added at the seam": (set(), lambda users, _: users.add(person(3.5))),
    "a last one is added": (set(), lambda users, _: users.add(person(20))),
    "the last one there is changed": (
        {3},
        lambda users, ten: users.replace(ten[3], replace(ten[3], photo="ada.png")),
    ),
    "the last one there is moved back": (
        {3},
        lambda users, ten: users.replace(ten[3], replace(ten[3], **MOVED)),  # type: ignore[arg-type]
    ),
    "the next one is changed": (
        {4},
        lambda users, ten: users.replace(ten[4], replace(ten[4], disabled=True)),
    ),
    "a later one is moved to the front": (
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
        for user in await found(users, EVERYBODY):
            await users.delete(user.id)
        ten = people(10)
        await users.add_all(ten)
        first = await users.page(query, None, 4)

        await change(users, ten)
        second = await users.page(query, first.next, 100)

        others = [user for place, user in enumerate(ten) if place not in touched]
        listed_others = [user for user in (*first.items, *second.items) if user in others]
        assert listed_others == others, query


async def test_a_user_changed_between_two_pages_is_listed_once_by_time(
    users: UserRepository,
) -> None:
    ten = people(10)
    await users.add_all(ten)
    first = await users.page(EVERYBODY, None, 4)

    for user in (ten[2], ten[6]):
        await users.replace(user, replace(user, **MOVED | {"email": user.email}))  # type: ignore[arg-type]
    second = await users.page(EVERYBODY, first.next, 100)

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
        user = ada(name=name)
        await users.add(user)

        for length in range(len(name) + 1):
            assert await found(users, UserQuery(name=name[:length])) == [user], name
            assert await users.count(UserQuery(name=name[:length])) == Total(1), name
        await users.delete(user.id)


async def test_a_search_by_name_finds_only_matching_names(users: UserRepository) -> None:
    some = [
        ada(name=name, email=Email.parse(f"{number}@example.org"))
        for number, name in enumerate(NAMES)
    ]
    await users.add_all(some)

    for name in ("%", "_", "\\", "a_", "a%", "'", '"', "👩", "zoë", "李", "[a-z]", "*"):
        expected = {user.id for user in some if user.name.startswith(name)}
        assert {user.id for user in await found(users, UserQuery(name=name))} == expected


async def test_names_of_all_kinds_are_on_one_page_each(users: UserRepository) -> None:
    some = [
        ada(name=name, email=Email.parse(f"{number}@example.org"))
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
        user = ada(email=Email.parse(address))
        await users.add(user)

        for length in range(len(address) + 1):
            query = UserQuery(email=beginning_of_email(address[:length]))
            assert await found(users, query) == [user], address
            assert await users.count(query) == Total(1), address
        await users.delete(user.id)


async def test_an_international_address_is_found_by_the_whole_of_it_or_the_local_part(
    users: UserRepository,
) -> None:
    user = ada(email=Email.parse("Ada@München.example"))
    await users.add(user)

    for text in ("ada@münchen.example", "ADA@xn--mnchen-3ya.EXAMPLE", "ada@"):
        assert await found(users, UserQuery(email=beginning_of_email(text))) == [user]


async def test_a_search_by_address_finds_only_matching_addresses(
    users: UserRepository,
) -> None:
    some = [ada(email=Email.parse(address)) for address in ADDRESSES]
    await users.add_all(some)

    for text in ("%", "_", "a_", "a%", "o'", "'", "*", "zo", "ada", "straß"):
        beginning = beginning_of_email(text)
        expected = {user.id for user in some if user.email.key.startswith(beginning)}
        page = await found(users, UserQuery(email=beginning))
        assert {user.id for user in page} == expected


VISIBLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")),
    min_size=1,
    max_size=100,
)


@same_place
@given(name=VISIBLE, cut=st.integers(0, 100))
async def test_whatever_the_name_its_beginning_finds_it(
    users: UserRepository, name: str, cut: int
) -> None:
    user = ada(name=name, email=Email.parse(f"{uuid4()}@example.org"))
    await users.add(user)

    assert user in await found(users, UserQuery(name=name[:cut]))


async def test_a_page_begins_only_where_another_ended(users: UserRepository) -> None:
    """``test_page_cursor.py`` has the cases one by one."""
    for query, after in product(LISTS.values(), NO_POSITIONS.values()):
        await is_no_position(users.page(query, after, 10))


@same_place
@given(after=st.text(st.characters(), max_size=200) | st.text(st.characters(codec="ascii")))
async def test_no_text_at_all_is_a_position(users: UserRepository, after: str) -> None:
    for query in LISTS.values():
        await is_no_position(users.page(query, after, 10))


TIMES = (
    "2026-01-31",
    "2026-01-31T12:00:00",
    "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999+00:00",
    "9999-12-31T23:59:59-23:59",
    "20260131T120000Z",
)


async def test_a_forged_time_is_at_worst_no_position(users: UserRepository) -> None:
    for query, time in product(LISTS.values(), TIMES):
        await forge(users, query, time)


@same_place
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
async def test_nothing_forged_is_worse_than_no_position(users: UserRepository, value: str) -> None:
    for query in LISTS.values():
        await forge(users, query, value)


async def forge(users: UserRepository, query: UserQuery, value: str) -> None:
    """Some other error than InvalidInput would be a fault of ours."""
    await users.add_all(people(3))
    first = await users.page(query, None, 1)
    assert first.next is not None
    for after in forgeries(first.next, value):
        with suppress(InvalidInput):
            assert (await users.page(query, after, 10)).next is None


async def test_a_position_in_one_list_is_none_in_another(users: UserRepository) -> None:
    await users.add_all(people(3))
    for one, other in permutations(LISTS.values(), 2):
        after = (await users.page(one, None, 1)).next
        assert after is not None

        await is_no_position(users.page(other, after, 10))


async def test_a_position_after_the_last_user_is_valid(users: UserRepository) -> None:
    two = people(2)
    await users.add_all(two)

    for query in LISTS.values():
        after = (await users.page(query, None, 1)).next
        await users.delete(two[1].id)
        assert await users.page(query, after, 1) == Page([])
        await users.add(two[1])


async def stored(users: UserRepository, some: Sequence[User]) -> list[User]:
    """Those of them that are stored, as they are."""
    return [user for user in some if await users.get(user.id) == user]


async def test_1000_people_are_counted(users: UserRepository) -> None:
    await users.add_all(people(1000))

    for query in LISTS.values():
        assert await users.count(query) == Total(1000)


async def test_more_people_are_counted_or_said_to_be_estimated(users: UserRepository) -> None:
    await users.add_all(people(1500))

    for query in LISTS.values():
        total = await users.count(query)
        assert total == Total(1500) or (total.count >= 1001 and not total.is_exact)


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
async def test_without_an_estimate_all_users_are_counted(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    url = url_for(scheme, request)
    backend = backend_for(url, "users")
    async with backend.connect(url, PATIENT) as connection:
        assert backend.users
        users = backend.users(connection)
        await users.add_all(people(1500))

        for query in LISTS.values():
            assert await users.count(query) == Total(1500)


ESTIMATED = {
    "everybody": (EVERYBODY, 2400),
    "a role": (UserQuery(role=Role.ADMIN), 1200),
    "who is not disabled": (UserQuery(disabled=False), 2200),
    "an address": (UserQuery(email="ada0"), 1600),
    "a name": (UserQuery(name="aDa 0"), 1600),
    "a role and a name": (UserQuery(name="ada", role=Role.USER), 1200),
}


async def test_of_many_postgresql_has_an_estimate(postgres_url: str) -> None:
    backend = backend_for(postgres_url, "users")
    async with backend.connect(postgres_url, PATIENT) as connection:
        assert backend.users
        users = backend.users(connection)
        some = [
            person(
                place if place < 1600 else place + 1000,
                role=list(Role)[place % 2],
                disabled=place % 12 == 0,
            )
            for place in range(2400)
        ]
        some = [replace(each, **_beginning_with(place)) for place, each in enumerate(some)]  # type: ignore[arg-type]
        await users.add_all(some)
        await by_hand(postgres_url, "ANALYZE users")

        for query, number in ESTIMATED.values():
            total = await users.count(query)
            assert not total.is_exact
            assert number / 2 <= total.count <= number * 2
        assert await users.count(UserQuery(disabled=True)) == Total(200)


def _beginning_with(place: int) -> dict[str, object]:
    """Two in three with ada0 and Ada 0, the others with ada1 and Ada 1."""
    first = int(place >= 1600)
    email = Email.parse(f"ada{first}.{place}@example.org")
    return {"name": f"Ada {first}.{place}", "email": email}


async def test_whose_address_and_id_are_free_is_added(users: UserRepository) -> None:
    known = ada(email=Email.parse("known@example.org"))
    await users.add(known)
    new, other = person(1), person(2, role=Role.ADMIN, disabled=True, verified=True)
    of_known_address = ada(email=Email.parse("KNOWN@Example.org."))
    of_known_id = ada(id=known.id, email=Email.parse("free@example.org"))

    added = (await users.add_all([of_known_address, new, of_known_id, other])).changed

    assert sorted(added) == sorted([new.id, other.id])
    assert await stored(users, [known, new, other]) == [known, new, other]
    assert await users.get(of_known_address.id) is None
    assert await users.by_email(of_known_id.email) is None
    assert await users.count(EVERYBODY) == Total(3)


async def test_adding_no_users_stores_none(users: UserRepository) -> None:
    assert list((await users.add_all([])).changed) == []
    assert await users.count(EVERYBODY) == Total(0)


async def test_adding_only_existing_users_stores_none(users: UserRepository) -> None:
    some = people(3)
    await users.add_all(some)

    assert list((await users.add_all(some)).changed) == []
    assert await found(users, EVERYBODY) == some


async def test_of_several_with_one_address_in_a_list_one_is_added(users: UserRepository) -> None:
    spellings = ("ada@example.org", "ADA@Example.org.", "\uff41da@example.org")
    same = [ada(email=Email.parse(spelling)) for spelling in spellings]
    other = person(1)

    added = (await users.add_all([*same, other])).changed

    winner = await users.by_email(same[0].email)
    assert winner in same
    assert sorted(added) == sorted([winner.id, other.id])
    assert await stored(users, same) == [winner]


async def test_of_several_with_one_id_in_a_list_one_is_added(users: UserRepository) -> None:
    user_id = UserId(uuid4())
    same = [person(place, id=user_id) for place in range(3)]

    added = (await users.add_all(same)).changed

    assert list(added) == [user_id]
    assert await users.get(user_id) in same
    assert await users.count(EVERYBODY) == Total(1)


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in one order", "in many orders"])
async def test_a_user_added_concurrently_is_stored_once(
    users: UserRepository, is_shuffled: bool
) -> None:
    some = people(200)
    lists = [list(some) for _ in range(6)]
    for number, each in enumerate(lists):
        if is_shuffled:
            random.Random(number).shuffle(each)

    added = await asyncio.gather(*map(users.add_all, lists))

    assert sorted(each for stored in added for each in stored.changed) == sorted(
        user.id for user in some
    )
    assert await found(users, EVERYBODY) == some


async def test_two_lists_in_opposite_orders_both_get_through(postgres_url: str) -> None:
    first, middle, last = people(3)
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


async def test_of_lists_with_the_same_addresses_in_parallel_each_address_is_stored_once(
    users: UserRepository,
) -> None:
    lists = [people(50) for _ in range(6)]  # whose ids are all different

    added = await asyncio.gather(*map(users.add_all, lists))

    there = await found(users, EVERYBODY)
    assert [user.email for user in there] == [user.email for user in people(50)]
    assert sorted(each for stored in added for each in stored.changed) == sorted(
        user.id for user in there
    )


async def test_thousands_are_added_in_one_step(users: UserRepository) -> None:
    some = people(3000)  # more values than one statement of PostgreSQL takes

    added = (await users.add_all(some)).changed

    assert sorted(added) == sorted(user.id for user in some)
