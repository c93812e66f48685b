"""Exporting all users."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from application.accounts.user_transfer.export_users import PAGE_SIZE
from domain.actor import Operator
from domain.audit.details import HashesExported
from domain.audit.event import EventType
from domain.email import Email
from domain.outcome import Outcome
from domain.user import User, UserId
from tests.support.builders import a_user
from tests.support.world import World

MANY = PAGE_SIZE + 1


async def populate(world: World) -> list[User]:
    people = [
        a_user(id=UserId(UUID(int=number)), email=Email.parse(f"{number}@example.org"))
        for number in range(MANY)
    ]
    await world.users.add_all(people)
    return people


@pytest.mark.parametrize("with_hashes", [False, True])
async def test_an_export_writes_each_user_once_and_is_recorded(
    world: World, with_hashes: bool
) -> None:
    people = await populate(world)
    written: list[User] = []

    count = await world.export_users(Operator(), written.extend, with_hashes=with_hashes)

    assert count == len(written) == MANY
    assert {user.id for user in written} == {user.id for user in people}
    [event] = world.events.events
    assert (event.type, event.outcome) == (EventType.EXPORT_USERS, Outcome.SUCCESS)
    assert event.details == (HashesExported() if with_hashes else None)
    assert event.actor == Operator()


async def test_an_export_of_no_users_is_one_empty_page(world: World) -> None:
    pages: list[Sequence[User]] = []

    assert await world.export_users(Operator(), pages.append, with_hashes=False) == 0

    assert list(map(list, pages)) == [[]]


async def test_an_export_that_cannot_be_written_ends_and_is_recorded_as_a_failure(
    world: World,
) -> None:
    await populate(world)
    attempts = 0

    def fail(_users: Sequence[User]) -> None:
        nonlocal attempts
        attempts += 1
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        await world.export_users(Operator(), fail, with_hashes=True)

    assert attempts == 1
    [event] = world.events.events
    assert event.outcome is not Outcome.SUCCESS
