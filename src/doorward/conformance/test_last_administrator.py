"""The contract of UserRepository: once there is an administrator there always is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest

from application.ports import UserRepository
from application.ports.effects import Stored
from domain.email import Email
from domain.errors import LastAdministrator
from domain.permissions import Role
from domain.user import NO_PASSWORD, User, UserId
from doorward.conformance.support.examples import NOW, a_user

pytestmark = pytest.mark.asyncio


@pytest.fixture
def users(uncached_users: UserRepository) -> UserRepository:
    """Return the users without the near cache, which passes all changes on."""
    return uncached_users


Step = Callable[[UserRepository, User], Awaitable[object]]


def an_administrator(number: int = 0, **changes: Any) -> User:
    email = Email.parse(f"admin{number}@example.org")
    return a_user(email=email, role=Role.ADMIN, **changes)


async def demote(users: UserRepository, user: User) -> None:
    assert (await users.replace(user, user.with_role(Role.USER, NOW))).changed


async def disable(users: UserRepository, user: User) -> None:
    assert (await users.replace(user, user.disable(NOW))).changed


async def demote_and_disable(users: UserRepository, user: User) -> None:
    assert (await users.replace(user, replace(user, role=Role.USER, disabled=True))).changed


async def delete(users: UserRepository, user: User) -> None:
    await users.delete(user.id)


STEPS: dict[str, Step] = {
    "demoted": demote,
    "disabled": disable,
    "demoted and disabled": demote_and_disable,
    "deleted": delete,
}
every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


async def as_stored(users: UserRepository, some: Sequence[User]) -> list[User]:
    found = [await users.get(user.id) for user in some]
    return [user for user in found if user]


async def administrators(users: UserRepository, some: Sequence[User]) -> list[UserId]:
    return [user.id for user in await as_stored(users, some) if user.is_administrator]


@every_step
async def test_the_only_administrator_stays_one(users: UserRepository, step: Step) -> None:
    administrator, other = an_administrator(), a_user()
    await users.add_all([administrator, other])

    with pytest.raises(LastAdministrator):
        await step(users, administrator)

    assert await users.get(administrator.id) == administrator
    assert await users.by_email(administrator.email) == administrator


@every_step
async def test_a_disabled_administrator_does_not_count(users: UserRepository, step: Step) -> None:
    administrator, disabled = an_administrator(), an_administrator(1, disabled=True)
    await users.add_all([administrator, disabled])

    with pytest.raises(LastAdministrator):
        await step(users, administrator)

    assert await as_stored(users, [administrator, disabled]) == [administrator, disabled]


@every_step
@pytest.mark.parametrize("has_factor", [False, True], ids=["invited", "invited with a factor"])
async def test_an_invited_administrator_does_not_count_before_the_first_password(
    users: UserRepository, step: Step, *, has_factor: bool
) -> None:
    administrator = an_administrator()
    invited = an_administrator(1, password_hash=NO_PASSWORD, has_second_factor=has_factor)
    await users.add_all([administrator, invited])

    with pytest.raises(LastAdministrator):
        await step(users, administrator)

    accepted = invited.with_reset_password("a hash", NOW)
    assert (await users.replace(invited, accepted)).changed
    await step(users, administrator)
    assert await administrators(users, [administrator, invited]) == [invited.id]


@every_step
async def test_one_of_two_administrators_need_not_stay_one(
    users: UserRepository, step: Step
) -> None:
    one, other = an_administrator(1), an_administrator(2)
    await users.add_all([one, other])

    await step(users, one)

    assert await administrators(users, [one, other]) == [other.id]
    with pytest.raises(LastAdministrator):
        await step(users, other)


@every_step
async def test_a_promoted_user_counts_as_administrator(users: UserRepository, step: Step) -> None:
    administrator, promoted = an_administrator(), a_user()
    await users.add_all([administrator, promoted])
    assert (await users.replace(promoted, promoted.with_role(Role.ADMIN, NOW))).changed

    await step(users, administrator)

    assert await administrators(users, [administrator, promoted]) == [promoted.id]


@every_step
@pytest.mark.parametrize("beside", [[], [an_administrator()]], ids=["none", "one"])
async def test_an_ordinary_user_can_always_be_removed(
    users: UserRepository, step: Step, beside: list[User]
) -> None:
    ordinary, disabled = a_user(), an_administrator(1, disabled=True)
    await users.add_all([ordinary, disabled, *beside])

    await step(users, ordinary)
    await step(users, disabled)

    assert await as_stored(users, beside) == beside


async def test_the_only_administrator_is_changed_in_all_else(users: UserRepository) -> None:
    administrator = an_administrator()
    await users.add(administrator)
    new = replace(
        administrator.with_new_password("another hash", NOW),
        name="Countess",
        email=Email.parse("countess@example.org"),
        photo="countess.png",
        verified=True,
    )

    assert (await users.replace(administrator, new)).changed

    assert await users.get(administrator.id) == new


async def test_the_only_administrator_is_promoted_and_enabled_freely(
    users: UserRepository,
) -> None:
    disabled, ordinary = an_administrator(disabled=True), a_user()
    await users.add_all([disabled, ordinary])

    assert (await users.replace(disabled, disabled.enable(NOW))).changed
    assert (await users.replace(ordinary, ordinary.with_role(Role.ADMIN, NOW))).changed

    assert await administrators(users, [disabled, ordinary]) == [disabled.id, ordinary.id]


@pytest.mark.parametrize("number", [2, 10])
@pytest.mark.parametrize(
    "steps",
    [*([step] for step in STEPS.values()), list(STEPS.values())],
    ids=[*STEPS, "gone in every way"],
)
async def test_of_administrators_deleted_concurrently_one_stays(
    users: UserRepository, number: int, steps: list[Step]
) -> None:
    last: User | None = None
    for attempt in range(4):
        some = [an_administrator(attempt * number + each) for each in range(number)]
        await users.add_all(some)
        if last:
            await users.delete(last.id)

        results = await asyncio.gather(
            *(step(users, user) for step, user in zip(cycle(steps), some, strict=False)),
            return_exceptions=True,
        )

        [stayed] = await administrators(users, some)
        refused = [type(each) for each in results if each is not None]
        assert refused == [LastAdministrator]
        last = await users.get(stayed)
        assert last in some
        assert isinstance(results[some.index(last)], LastAdministrator)


@every_step
async def test_a_concurrent_removal_and_promotion_leave_an_administrator(
    users: UserRepository, step: Step
) -> None:
    last = an_administrator()
    await users.add(last)
    for number in range(1, 6):
        next_one = an_administrator(number, disabled=True)
        await users.add(next_one)

        gone, come = await asyncio.gather(
            step(users, last),
            users.replace(next_one, next_one.enable(NOW)),
            return_exceptions=True,
        )

        assert isinstance(come, Stored)
        assert come.changed
        is_refused = isinstance(gone, LastAdministrator)
        assert gone is None or is_refused
        left = await administrators(users, [last, next_one])
        assert left == ([last.id, next_one.id] if is_refused else [next_one.id])
        if gone:  # then a moment later
            await step(users, last)
        last = next_one.enable(NOW)
