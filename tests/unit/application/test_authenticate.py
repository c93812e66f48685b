"""Authentication is decided on the current user and session, not on those of the signing."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from application.authenticate import AuthenticateFromCache
from domain.errors import TokenRejected
from domain.permissions import Role
from domain.token import LEEWAY
from tests.support.builders import (
    LIFETIMES,
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    a_user,
    claims_of,
)
from tests.support.world import World


async def test_an_access_token_names_user_and_session(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()

    principal = await world.authenticate(pair.access)

    assert principal.user == user
    assert [principal.session] == list(await world.sessions.of_user(user.id))


async def test_a_refresh_token_is_no_access_token(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()

    with pytest.raises(TokenRejected):
        await world.authenticate(pair.refresh)


async def test_a_changed_role_is_seen_at_once(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()

    await world.change(user, role=Role.ADMIN)

    assert (await world.authenticate(pair.access)).user.role is Role.ADMIN


async def test_a_disabled_user_is_refused_at_once(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()

    await world.change(user, disabled=True)

    with pytest.raises(TokenRejected):
        await world.authenticate(pair.access)


async def test_a_deleted_user_is_refused_at_once(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()

    await world.users.delete(user.id)

    with pytest.raises(TokenRejected):
        await world.authenticate(pair.access)


async def test_a_deleted_session_is_refused_at_once(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()
    [session] = await world.sessions.of_user(user.id)

    await world.sessions.delete(user.id, session.id)

    with pytest.raises(TokenRejected):
        await world.authenticate(pair.access)


async def test_a_token_of_another_users_session_is_refused(world: World) -> None:
    ada, eve = await world.sign_up("ada@example.org"), await world.sign_up("eve@example.org")
    await world.log_in("ada@example.org")
    [session] = await world.sessions.of_user(ada.id)
    mixed = a_session(id=session.id, user_id=eve.id)

    with pytest.raises(TokenRejected):
        await world.authenticate((await world.issue_tokens(mixed, eve)).access)


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-31, False), (-29, True), (29, True), (31, False)]
)
async def test_clocks_may_differ_by_half_a_minute(
    world: World, seconds: int, is_good: bool
) -> None:
    world.clock.now = world.clock.now.replace(microsecond=0)
    await world.sign_up()
    pair = await world.log_in()

    world.clock.advance(seconds * SECOND + (LIFETIMES.access if seconds > 0 else timedelta()))

    if is_good:
        await world.authenticate(pair.access)
    else:
        with pytest.raises(TokenRejected):
            await world.authenticate(pair.access)


async def test_no_leeway_lengthens_a_session(world: World) -> None:
    world.lifetimes = replace(LIFETIMES, idle=LIFETIMES.access)
    await world.sign_up()
    pair = await world.log_in()

    world.clock.advance(LIFETIMES.access - MICROSECOND)
    await world.authenticate(pair.access)
    world.clock.advance(MICROSECOND)
    with pytest.raises(TokenRejected):
        await world.authenticate(pair.access)


@pytest.mark.parametrize("ends", ["the token", "the session", "the generation"])
async def test_the_fast_path_leaves_what_has_ended_to_the_stores(ends: str) -> None:
    user = a_user(generation=1 if ends == "the generation" else 0)
    session = a_session(user_id=user.id)
    claims = claims_of(session)
    now = {"the token": session.rotated_at + LIFETIMES.access + LEEWAY}.get(ends, NOW)
    if ends == "the session":
        session = replace(session, ends_at=NOW, expires_at=NOW)
    authenticate = AuthenticateFromCache(
        Mock(cached=Mock(return_value=claims)),
        Mock(cached=Mock(return_value=session)),
        Mock(cached=Mock(return_value=user)),
        lambda: now,
    )

    assert authenticate("token") is None
