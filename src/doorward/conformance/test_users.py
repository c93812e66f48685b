"""The contract of UserRepository."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports import UserRepository
from application.ports.effects import Effects, Stored
from domain.email import Email
from domain.errors import EmailTaken
from domain.permissions import Role
from domain.user import User, UserId
from doorward.conformance.support.examples import MICROSECOND, NOW, a_user, an_event

pytestmark = pytest.mark.asyncio

EVE = Email.parse("eve@example.org")


def every_fact(user: User | None) -> list[object]:
    """Equality of addresses looks at their keys only; a store returns the whole address."""
    assert user is not None
    return [user, user.email.address]


USERS = {
    "a new user": a_user(),
    "everything changed": a_user(
        role=Role.ADMIN,
        photo="ada.png",
        verified=True,
        disabled=True,
        updated_at=NOW + MICROSECOND,
    ),
    "a name in many scripts": a_user(name='Zoë 李小龍 محمد 👩‍💻 O\'Brien %s \\ "x" ;--'),
    "the longest of all": a_user(
        name="\U0001f469" * 100, photo="p" * 255, password_hash="h" * 255
    ),
    "an international address": a_user(email=Email.parse("ÄDA@münchen.example.")),
    "the longest address": a_user(email=Email.parse("a" * 243 + "@example.org")),
    "a whole second": a_user(created_at=NOW.replace(microsecond=0)),
    "the last microsecond": a_user(created_at=NOW.replace(microsecond=999_999)),
    "long ago": a_user(created_at=NOW.replace(year=1971)),
}


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
async def test_a_user_comes_back_exactly_as_stored(users: UserRepository, user: User) -> None:
    await users.add(user)

    assert every_fact(await users.get(user.id)) == every_fact(user)
    assert every_fact(await users.by_email(user.email)) == every_fact(user)


async def test_times_come_back_aware_and_in_utc(users: UserRepository) -> None:
    user = a_user()
    await users.add(user)

    stored = await users.get(user.id)

    assert stored is not None
    assert stored.created_at.utcoffset() == stored.updated_at.utcoffset() == timedelta()


async def test_a_missing_user_is_none(users: UserRepository) -> None:
    await users.add(a_user())

    assert await users.get(UserId(uuid4())) is None
    assert await users.by_email(EVE) is None


async def test_a_user_is_found_by_any_spelling_of_the_address(users: UserRepository) -> None:
    user = a_user(email=Email.parse("Ada@münchen.example"))
    await users.add(user)

    assert await users.by_email(Email.parse(" ADA@XN--MNCHEN-3YA.example. ")) == user


async def test_a_tag_is_another_address(users: UserRepository) -> None:
    await users.add(a_user())
    await users.add(a_user(email=Email.parse("ada+news@example.org")))

    assert await users.by_email(Email.parse("ada+other@example.org")) is None


@pytest.mark.parametrize(
    "spelling", ["ada@example.org", "ADA@Example.Org.", "\uff41da@example.org"]
)
async def test_an_address_is_taken_in_all_its_spellings(
    users: UserRepository, spelling: str
) -> None:
    first = a_user(email=Email.parse("ada@example.org"))
    await users.add(first)
    second = a_user(email=Email.parse(spelling))

    with pytest.raises(EmailTaken):
        await users.add(second)

    assert await users.by_email(first.email) == first
    assert await users.get(second.id) is None


async def test_of_20_parallel_users_with_one_address_one_is_stored(users: UserRepository) -> None:
    new_users = [a_user() for _ in range(20)]

    results = await asyncio.gather(*map(users.add, new_users), return_exceptions=True)

    assert [type(result) for result in results].count(EmailTaken) == 19
    [won] = [each for each in results if isinstance(each, Stored)]
    winner = new_users[results.index(won)]
    assert await users.by_email(winner.email) == winner
    stored = [await users.get(user.id) for user in new_users]
    assert [user for user in stored if user] == [winner]


async def test_a_replacement_of_the_stored_record_is_stored(users: UserRepository) -> None:
    old, other = a_user(), a_user(email=EVE)
    await users.add(old)
    await users.add(other)
    new = replace(
        old,
        name="Countess",
        email=Email.parse("countess@example.org"),
        password_hash="another hash",
        role=Role.ADMIN,
        photo="countess.png",
        verified=True,
        disabled=True,
        has_second_factor=True,
        updated_at=NOW + MICROSECOND,
    )

    assert (await users.replace(old, new)).changed

    assert every_fact(await users.get(old.id)) == every_fact(new)
    assert await users.get(other.id) == other


CHANGES: dict[str, object] = {
    "name": "Countess",
    "email": EVE,
    "password_hash": "another hash",
    "role": Role.ADMIN,
    "photo": "countess.png",
    "verified": True,
    "disabled": True,
    "has_second_factor": True,
    "updated_at": NOW + MICROSECOND,
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items(), ids=CHANGES)
async def test_a_concurrently_changed_record_is_not_replaced(
    users: UserRepository, name: str, value: object
) -> None:
    old = a_user()
    await users.add(old)
    changed = replace(old, **{name: value})  # type: ignore[arg-type] # a field and its value
    assert (await users.replace(old, changed)).changed

    assert not (await users.replace(old, replace(old, photo="late.png"))).changed

    assert every_fact(await users.get(old.id)) == every_fact(changed)


async def test_another_spelling_of_the_address_is_a_change_too(users: UserRepository) -> None:
    old = a_user(email=Email.parse("ada@münchen.example"))
    await users.add(old)
    changed = replace(old, email=Email.parse("ada@xn--mnchen-3ya.example"))
    assert (await users.replace(old, changed)).changed

    assert not (await users.replace(old, replace(old, photo="late.png"))).changed

    assert every_fact(await users.get(old.id)) == every_fact(changed)


async def test_a_deleted_user_is_not_replaced(users: UserRepository) -> None:
    old = a_user()
    await users.add(old)
    await users.delete(old.id)

    assert not (await users.replace(old, replace(old, name="Ghost"))).changed

    assert await users.get(old.id) is None
    assert await users.by_email(old.email) is None


async def test_a_user_cannot_take_the_address_of_another(users: UserRepository) -> None:
    user, eve = a_user(), a_user(email=EVE)
    await users.add(user)
    await users.add(eve)

    with pytest.raises(EmailTaken):
        await users.replace(user, replace(user, name="Eve", email=Email.parse("EVE@example.org.")))

    assert await users.get(user.id) == user
    assert await users.by_email(EVE) == eve


async def test_a_new_address_replaces_the_old_one(users: UserRepository) -> None:
    old = a_user()
    await users.add(old)
    new = replace(old, email=EVE)
    await users.replace(old, new)

    assert await users.by_email(EVE) == new
    assert await users.by_email(old.email) is None
    await users.add(a_user())  # the old one is free again


async def test_of_50_parallel_replacements_one_wins(users: UserRepository) -> None:
    old = a_user()
    await users.add(old)
    news = [replace(old, name=f"Ada {number}") for number in range(50)]

    stored = await asyncio.gather(*(users.replace(old, new) for new in news))

    wins = [each.changed for each in stored]
    assert wins.count(True) == 1
    assert await users.get(old.id) == news[wins.index(True)]


async def test_of_10_concurrent_moves_to_one_address_one_succeeds(users: UserRepository) -> None:
    new_users = [a_user(email=Email.parse(f"ada{number}@example.org")) for number in range(10)]
    for user in new_users:
        await users.add(user)

    results = await asyncio.gather(
        *(users.replace(user, replace(user, email=EVE)) for user in new_users),
        return_exceptions=True,
    )

    assert [type(result) for result in results].count(EmailTaken) == 9
    winner = await users.by_email(EVE)
    assert winner is not None
    [won] = [each for each in results if isinstance(each, Stored)]
    assert winner.id == new_users[results.index(won)].id


async def test_a_deleted_user_is_removed_and_the_address_is_free(users: UserRepository) -> None:
    user, other = a_user(), a_user(email=EVE)
    await users.add(user)
    await users.add(other)

    await users.delete(user.id)

    assert await users.get(user.id) is None
    assert await users.by_email(user.email) is None
    assert await users.get(other.id) == other
    await users.add(a_user())


async def test_deleting_a_missing_user_is_no_error(users: UserRepository) -> None:
    user = a_user()
    await users.add(user)

    await users.delete(user.id)
    await users.delete(user.id)
    await users.delete(UserId(uuid4()))


async def test_each_change_says_whether_it_changed_anything(users: UserRepository) -> None:
    old = a_user()
    new = replace(old, name="Ada King")

    assert (await users.add(old)).changed
    assert (await users.replace(old, new)).changed
    assert not (await users.replace(old, new)).changed
    assert not (await users.add_all([new])).changed
    assert (await users.delete(old.id)).changed
    assert not (await users.delete(old.id)).changed
    assert (await users.add_all([new])).changed == [new.id]


async def test_away_from_the_audit_log_no_change_claims_to_have_stored_effects(
    users: UserRepository,
) -> None:
    old, other, effects = a_user(), a_user(email=EVE), Effects((an_event(),))

    stored: list[Stored[object]] = [
        await users.add(old, effects),
        await users.replace(old, replace(old, name="Ada King"), effects),
        await users.add_all([other], effects),
        await users.delete(old.id, effects),
    ]

    assert [bool(each.changed) for each in stored] == [True] * 4
    assert [each.effects_stored for each in stored] == [False] * 4
