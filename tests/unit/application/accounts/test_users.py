"""Listing users, and changing the role and the state of one."""

from dataclasses import replace
from typing import Literal

import pytest

from application.pagination import Total, UserQuery
from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.actor import Operator
from domain.audit.event import EventType
from domain.errors import InvalidCredentials, InvalidInput, NotFound
from domain.permissions import Role
from domain.user import User, UserId
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import SECOND, a_user
from tests.support.world import World


async def test_the_first_page_has_the_number_of_users_and_the_others_do_not(world: World) -> None:
    for number in range(3):
        await world.sign_up(f"{number}@example.org")

    first, total = await world.list_users(Operator(), UserQuery(), None, 2)
    second, no_total = await world.list_users(Operator(), UserQuery(), first.next, 2)
    whole, counted = await world.list_users(Operator(), UserQuery(), None, 10)

    assert (total, no_total, counted) == (Total(3), None, Total(3))
    assert [*first.items, *second.items] == whole.items


@pytest.mark.parametrize(
    ("query", "order"),
    [
        (UserQuery(), "time"),
        (UserQuery(role=Role.ADMIN, disabled=True), "time"),
        (UserQuery(name=""), "name"),
        (UserQuery(email=""), "email"),
        (UserQuery(email="ada", name="ada"), "email"),
    ],
)
def test_a_search_decides_the_order(
    query: UserQuery, order: Literal["time", "email", "name"]
) -> None:
    assert query.order == order


async def test_an_unknown_user_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.show_user(Operator(), a_user().id)
    with pytest.raises(NotFound):
        await world.change_user(Operator(), UserId(a_user().id), Role.ADMIN)


async def test_a_disabled_user_can_be_enabled(world: World) -> None:
    user = await world.sign_up()
    disabled = await world.change_user(Operator(), user.id, disabled=True)
    world.clock.advance(SECOND)

    enabled = await world.change_user(Operator(), user.id, disabled=False)

    assert (disabled.disabled, enabled.disabled) == (True, False)
    assert enabled.updated_at == world.clock()
    assert enabled.generation == disabled.generation == user.generation + 1
    assert await world.users.get(user.id) == enabled
    assert world.events.events[-1].detail == "enabled"


async def test_a_change_to_the_present_state_stores_nothing(world: World) -> None:
    user = await world.sign_up()
    world.clock.advance(SECOND)

    changed = await world.change_user(Operator(), user.id, Role.USER, disabled=False)

    assert changed == user
    assert await world.users.get(user.id) == user


async def test_a_new_password_ends_all_sessions_and_is_the_only_one(world: World) -> None:
    user = await world.sign_up()
    await world.log_in()

    changed = await world.set_password(Operator(), user.id, "another passphrase")

    assert changed.generation == user.generation + 1
    assert await world.sessions.of_user(user.id) == []
    with pytest.raises(InvalidCredentials):
        await world.log_in()
    await world.login("ada@example.org", "another passphrase")
    assert EventType.CHANGE_PASSWORD in [event.type for event in world.events.events]


async def test_a_password_against_the_rule_is_not_set(world: World) -> None:
    user = await world.sign_up()

    with pytest.raises(InvalidInput):
        await world.set_password(Operator(), user.id, "short")

    assert await world.users.get(user.id) == user


async def test_all_sessions_of_all_users_can_be_revoked_though_one_user_is_deleted_meanwhile(
    world: World,
) -> None:
    for email in ("ada@example.org", "eve@example.org"):
        await world.sign_up(email)
        await world.log_in(email)
    users = (await world.users.page(UserQuery(), None, 10)).items

    class DeletedMeanwhile(MemoryUsers):
        async def get(self, user_id: UserId) -> User | None:
            return None if user_id == users[0].id else await super().get(user_id)

    world.users = DeletedMeanwhile()
    await world.users.add_all(users)

    assert await world.revoke_sessions_of_all(Operator()) == 1
    assert world.events.events[-1].detail == "1 users"


async def test_a_new_password_is_set_though_the_user_is_changed_meanwhile(world: World) -> None:
    class ChangedMeanwhile(MemoryUsers):
        async def replace(
            self, old: User, new: User, effects: Effects = NO_EFFECTS
        ) -> Stored[bool]:
            if not self.is_changed:
                self.is_changed = True
                await super().replace(old, replace(old, name="Ada King"))
            return await super().replace(old, new, effects)

        is_changed = False

    world.users = ChangedMeanwhile()
    user = await world.sign_up()

    changed = await world.set_password(Operator(), user.id, "another passphrase")

    assert changed.name == "Ada King"
    await world.login("ada@example.org", "another passphrase")
