"""The contract of UserRepository: a list has the users that its query describes."""

import pytest

from application.pagination import Total, UserQuery
from application.ports import UserRepository
from domain.email import Email, beginning_of_email
from doorward.conformance.support.examples import NOW, a_user
from doorward.conformance.support.user_lists import NAMES, found, ranked_user

pytestmark = pytest.mark.asyncio


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


async def test_a_list_has_users_with_a_second_factor_or_those_without_one(
    users: UserRepository,
) -> None:
    protected = [ranked_user(each, has_second_factor=True) for each in (2, 1)]
    others = [ranked_user(3), ranked_user(0)]
    await users.add_all([*protected, *others])

    for has_one, some in ((True, protected), (False, others)):
        query = UserQuery(has_second_factor=has_one)
        assert {each.id for each in await found(users, query)} == {each.id for each in some}
        assert await users.count(query) == Total(2)


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
