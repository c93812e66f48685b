"""The operator ends the sessions of all users, or of those with a role."""

import pytest

from application.pagination import EventQuery
from domain.actor import Operator
from domain.errors import TokenRejected
from domain.permissions import Role
from tests.support.world import World

ADA, EVE, ADMIN = "ada@example.org", "eve@example.org", "boss@example.org"


@pytest.fixture
async def world(world: World) -> World:
    """Ada, Eve and an administrator are registered; Eve is not logged in."""
    for email in (ADA, EVE, ADMIN):
        await world.sign_up(email)
    admin = await world.find_user(Operator(), ADMIN)
    await world.change_user(Operator(), admin.id, Role.ADMIN)
    return world


async def recorded(world: World) -> list[tuple[str, str]]:
    page = await world.audit_log.page(EventQuery(), None, 100)
    events = [each.event for each in page.items]
    assert all(each.request_id == "(command line)" for each in events if "sessions" in each.type)
    return [(each.type.value, each.detail) for each in events if "sessions of" in each.type]


async def test_all_sessions_of_all_users_end_and_it_is_recorded(world: World) -> None:
    tokens = [await world.log_in(email) for email in (ADA, ADA, ADMIN)]

    assert await world.revoke_sessions_of_all(Operator()) == 2

    for pair in tokens:
        with pytest.raises(TokenRejected):
            await world.authenticate(pair.access)
        with pytest.raises(TokenRejected):
            await world.refresh(pair.refresh)
    assert await recorded(world) == [
        ("end sessions of users", "2 users"),
        *[("end sessions of user", "")] * 2,
    ]
    await world.authenticate((await world.log_in(ADA)).access)


async def test_the_sessions_of_users_with_a_role_end_and_no_others(world: World) -> None:
    ada, admin = await world.log_in(ADA), await world.log_in(ADMIN)

    assert await world.revoke_sessions_of_all(Operator(), Role.ADMIN) == 1

    await world.authenticate(ada.access)
    with pytest.raises(TokenRejected):
        await world.authenticate(admin.access)
    assert ("end sessions of users", "1 users, role admin") in await recorded(world)


async def test_more_users_than_a_page_are_logged_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.accounts.session_revocation._PAGE_SIZE", 1)
    for email in (ADA, EVE, ADMIN):
        await world.log_in(email)

    assert await world.revoke_sessions_of_all(Operator()) == 3
