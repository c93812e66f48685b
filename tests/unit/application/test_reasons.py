"""Reasons of administrators: recorded with the change, and never shown to the user."""

from collections.abc import Awaitable, Callable

import pytest

from application.pagination import EventQuery
from domain.actor import Actor, Operator
from domain.audit.event import EventType
from domain.audit.reason import REASON_LENGTH
from domain.errors import InvalidInput
from domain.permissions import Role
from domain.request_context import UNKNOWN
from domain.user import User
from tests.support.world import World

Act = Callable[[World, Actor, User, str], Awaitable[object]]
ACTS: dict[EventType, Act] = {
    EventType.CHANGE_USER: lambda world, actor, user, reason: world.change_user(
        actor, user.id, Role.AUDITOR, reason=reason
    ),
    EventType.DELETE_USER: lambda world, actor, user, reason: world.delete_user(
        actor, user.id, UNKNOWN, reason
    ),
    EventType.END_SESSIONS_OF_USER: lambda world, actor, user, reason: world.revoke_sessions_of(
        actor, user.id, UNKNOWN, reason
    ),
    EventType.RESET_SECOND_FACTORS: lambda world, actor, user, reason: world.reset_second_factors(
        actor, user.id, UNKNOWN, reason
    ),
    EventType.REQUEST_PASSWORD_RESET: lambda world, actor, user, reason: world.send_password_reset(
        actor, user.id, UNKNOWN, reason
    ),
    EventType.CHANGE_PASSWORD: lambda world, actor, user, reason: world.set_password(
        actor, user.id, "a better one than before", UNKNOWN, reason
    ),
}


@pytest.mark.parametrize("event_type", ACTS)
async def test_a_reason_is_recorded_with_the_change(world: World, event_type: EventType) -> None:
    user = await world.sign_up()

    await ACTS[event_type](world, Operator(), user, " asked by phone ")

    [recorded] = (await world.audit_log.page(EventQuery(type=event_type), None, 10)).items
    assert recorded.event.reason == "asked by phone"
    assert recorded.event.recorded_detail.endswith("reason: asked by phone")


@pytest.mark.parametrize("event_type", ACTS)
async def test_a_reason_that_is_not_accepted_changes_nothing(
    world: World, event_type: EventType
) -> None:
    user = await world.sign_up()

    with pytest.raises(InvalidInput):
        await ACTS[event_type](world, Operator(), user, "r" * (REASON_LENGTH + 1))

    assert await world.users.get(user.id) == user


async def test_a_change_needs_no_reason(world: World) -> None:
    user = await world.sign_up()

    await world.change_user(Operator(), user.id, disabled=True)

    [recorded] = (
        await world.audit_log.page(EventQuery(type=EventType.CHANGE_USER), None, 10)
    ).items
    assert recorded.event.reason is None
