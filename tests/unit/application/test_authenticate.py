"""Whom a protected route lets in: as of this moment, not of when the token was signed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.authentication import TokenPair
from domain.errors import TokenRejected
from domain.permissions import Role
from tests.support.builders import LIFETIMES, MICROSECOND, SECOND, World, a_session


async def test_an_access_token_names_user_and_session(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()

    principal = await house.authenticate(pair.access)

    assert principal.user == user
    assert [principal.session] == list(await house.sessions.of_user(user.id))


async def test_a_refresh_token_is_no_access_token(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()

    with pytest.raises(TokenRejected):
        await house.authenticate(pair.refresh)


async def test_a_changed_role_is_seen_at_once(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()

    await house.change(user, role=Role.ADMIN)

    assert (await house.authenticate(pair.access)).user.role is Role.ADMIN


async def test_a_disabled_user_is_refused_at_once(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()

    await house.change(user, disabled=True)

    with pytest.raises(TokenRejected):
        await house.authenticate(pair.access)


async def test_a_deleted_user_is_refused_at_once(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()

    await house.users.delete(user.id)

    with pytest.raises(TokenRejected):
        await house.authenticate(pair.access)


async def test_a_deleted_session_is_refused_at_once(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()
    [session] = await house.sessions.of_user(user.id)

    await house.sessions.delete(user.id, session.id)

    with pytest.raises(TokenRejected):
        await house.authenticate(pair.access)


async def test_a_token_of_another_users_session_is_refused(house: World) -> None:
    ada, eve = await house.sign_up("ada@example.org"), await house.sign_up("eve@example.org")
    await house.come_in("ada@example.org")
    [session] = await house.sessions.of_user(ada.id)
    mixed = a_session(id=session.id, user_id=eve.id)

    with pytest.raises(TokenRejected):
        await house.authenticate(TokenPair.of(mixed, Role.USER, house.signer, LIFETIMES).access)


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-31, False), (-29, True), (29, True), (31, False)]
)
async def test_clocks_may_differ_by_half_a_minute(
    house: World, seconds: int, is_good: bool
) -> None:
    house.clock.now = house.clock.now.replace(microsecond=0)
    await house.sign_up()
    pair = await house.come_in()

    house.clock.advance(seconds * SECOND + (LIFETIMES.access if seconds > 0 else timedelta()))

    if is_good:
        await house.authenticate(pair.access)
    else:
        with pytest.raises(TokenRejected):
            await house.authenticate(pair.access)


async def test_no_leeway_lengthens_a_session(house: World) -> None:
    house.lifetimes = replace(LIFETIMES, idle=LIFETIMES.access)
    await house.sign_up()
    pair = await house.come_in()

    house.clock.advance(LIFETIMES.access - MICROSECOND)
    await house.authenticate(pair.access)
    house.clock.advance(MICROSECOND)
    with pytest.raises(TokenRejected):
        await house.authenticate(pair.access)
