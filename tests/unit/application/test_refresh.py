"""Refreshing: rotation, honest repetition, theft, and everything at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from application.authentication import TokenPair
from application.pagination import EventQuery
from domain.errors import RefreshTokenReused, TokenRejected
from domain.permissions import Role
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.token import TokenKind
from tests.support.builders import LIFETIMES, MICROSECOND, SECOND, World, a_session, new_id
from tests.support.doubles import PausingSessions

GRACE = LIFETIMES.grace
OWNER = RequestContext("192.0.2.1", agent="Firefox")
THIEF = RequestContext("203.0.113.9", agent="curl")


def session_of(house: World, pair: TokenPair) -> SessionId:
    return house.signer.verify(pair.refresh, TokenKind.REFRESH).session_id


async def test_each_refresh_gives_a_new_pair_of_the_same_session(house: World) -> None:
    await house.sign_up()
    first = await house.come_in()

    house.clock.advance(SECOND)
    second = await house.refresh(first.refresh)

    assert second.refresh != first.refresh
    assert second.access != first.access
    assert session_of(house, second) == session_of(house, first)
    await house.authenticate(second.access)


async def test_a_refresh_in_the_second_of_the_login_gives_new_tokens_too(house: World) -> None:
    await house.sign_up()
    first = await house.come_in()

    second = await house.refresh(first.refresh)

    assert second.refresh != first.refresh
    assert second.access != first.access


async def test_a_repetition_within_the_grace_period_gives_the_same_bytes(house: World) -> None:
    await house.sign_up()
    first = await house.come_in()
    lost = await house.refresh(first.refresh)

    house.clock.advance(GRACE - MICROSECOND)

    assert await house.refresh(first.refresh) == lost
    await house.refresh(lost.refresh)


async def test_50_parallel_refreshes_give_one_successor(house: World) -> None:
    user = await house.sign_up()
    first = await house.come_in()
    house.sessions = PausingSessions(house.sessions, lambda: asyncio.sleep(0))

    pairs = await asyncio.gather(*(house.refresh(first.refresh) for _ in range(50)))

    assert len(set(pairs)) == 1
    [session] = await house.sessions.of_user(user.id)
    assert session_of(house, pairs[0]) == session.id
    await house.authenticate(pairs[0].access)
    await house.refresh(pairs[0].refresh)


async def test_a_spent_refresh_token_ends_the_session(house: World) -> None:
    user = await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh)
    house.clock.advance(GRACE)

    with pytest.raises(RefreshTokenReused):
        await house.refresh(first.refresh)

    assert await house.sessions.of_user(user.id) == []
    for access in (first.access, second.access):
        with pytest.raises(TokenRejected):
            await house.authenticate(access)
    with pytest.raises(TokenRejected):
        await house.refresh(second.refresh)


async def test_a_straggler_gets_the_valid_tokens_after_two_rotations(house: World) -> None:
    await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh)
    house.clock.advance(2 * SECOND)
    third = await house.refresh(second.refresh)

    assert await house.refresh(first.refresh) == third
    assert await house.refresh(second.refresh) == third
    await house.refresh(third.refresh)


async def test_an_older_refresh_token_ends_the_session_at_once(house: World) -> None:
    await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh)
    house.clock.advance(GRACE)
    third = await house.refresh(second.refresh)

    with pytest.raises(RefreshTokenReused):
        await house.refresh(first.refresh)
    with pytest.raises(TokenRejected):
        await house.refresh(third.refresh)


async def test_a_spent_token_of_another_client_ends_the_session_within_the_grace_period(
    house: World,
) -> None:
    await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh, OWNER)

    with pytest.raises(RefreshTokenReused):
        await house.refresh(first.refresh, THIEF)
    for call in (house.refresh(second.refresh), house.authenticate(second.access)):
        with pytest.raises(TokenRejected):
            await call


async def test_a_repetition_from_elsewhere_is_recorded_and_gets_the_same_bytes(
    house: World,
) -> None:
    user = await house.sign_up()
    first = await house.come_in()
    second = await house.refresh(first.refresh, OWNER)
    moved = replace(OWNER, address="198.51.100.7", request_id="moved")

    for _ in range(3):
        assert await house.refresh(first.refresh, moved) == second

    page = await house.audit_log.page(EventQuery(user_id=user.id), None, 100)
    repeats = [each.event for each in page.items if each.event.type == "repeat refresh"]
    assert [(each.outcome, each.caller.address) for each in repeats] == [
        ("success", "198.51.100.7")
    ]


async def test_a_repetition_by_the_same_client_is_not_recorded(house: World) -> None:
    user = await house.sign_up()
    first = await house.come_in()
    await house.refresh(first.refresh, OWNER)
    before = await house.audit_log.page(EventQuery(user_id=user.id), None, 100)

    await house.refresh(first.refresh, OWNER)

    assert await house.audit_log.page(EventQuery(user_id=user.id), None, 100) == before


async def test_a_theft_ends_no_other_session(house: World) -> None:
    user = await house.sign_up()
    stolen, other = await house.come_in(), await house.come_in()
    await house.refresh(stolen.refresh)
    house.clock.advance(GRACE)

    with pytest.raises(RefreshTokenReused):
        await house.refresh(stolen.refresh)

    assert [each.id for each in await house.sessions.of_user(user.id)] == [
        session_of(house, other)
    ]


async def test_of_thief_and_owner_neither_keeps_the_session(house: World) -> None:
    await house.sign_up()
    stolen = await house.come_in()
    house.clock.advance(timedelta(minutes=1))
    thief = await house.refresh(stolen.refresh)
    house.clock.advance(timedelta(minutes=1))

    with pytest.raises(RefreshTokenReused):  # the owner, who has the old one
        await house.refresh(stolen.refresh)
    with pytest.raises(TokenRejected):
        await house.refresh(thief.refresh)


async def test_a_session_lives_as_long_as_it_is_refreshed_in_time(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()

    for _ in range(5):
        house.clock.advance(LIFETIMES.idle - SECOND)
        pair = await house.refresh(pair.refresh)

    await house.authenticate(pair.access)


async def test_a_session_that_is_not_refreshed_in_time_is_over(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()

    house.clock.advance(LIFETIMES.idle)

    with pytest.raises(TokenRejected) as refused:
        await house.refresh(pair.refresh)
    assert type(refused.value) is TokenRejected


async def test_no_refresh_passes_the_absolute_end(house: World) -> None:
    house.lifetimes = replace(LIFETIMES, absolute=timedelta(hours=2))
    await house.sign_up()
    pair = await house.come_in()
    for _ in range(3):
        house.clock.advance(timedelta(minutes=39))
        pair = await house.refresh(pair.refresh)

    assert pair.access_lifetime == pair.refresh_lifetime == 3 * 60

    house.clock.advance(timedelta(minutes=3))
    with pytest.raises(TokenRejected):
        await house.refresh(pair.refresh)
    with pytest.raises(TokenRejected):
        await house.authenticate(pair.access)


async def test_a_disabled_user_does_not_refresh(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()
    await house.change(user, disabled=True)

    with pytest.raises(TokenRejected):
        await house.refresh(pair.refresh)


async def test_a_deleted_user_does_not_refresh(house: World) -> None:
    user = await house.sign_up()
    pair = await house.come_in()
    await house.users.delete(user.id)

    with pytest.raises(TokenRejected):
        await house.refresh(pair.refresh)


async def test_an_access_token_refreshes_nothing(house: World) -> None:
    await house.sign_up()
    pair = await house.come_in()

    with pytest.raises(TokenRejected):
        await house.refresh(pair.access)

    await house.refresh(pair.refresh)


async def test_a_session_of_another_user_is_not_found(house: World) -> None:
    """A genuine token whose user and session do not belong together."""
    ada, eve = await house.sign_up("ada@example.org"), await house.sign_up("eve@example.org")
    await house.come_in("ada@example.org")
    [session] = await house.sessions.of_user(ada.id)
    mixed = a_session(id=session.id, user_id=eve.id, token_id=session.token_id)
    pair = TokenPair.of(mixed, Role.USER, house.signer, LIFETIMES)

    with pytest.raises(TokenRejected):
        await house.refresh(pair.refresh)
    assert await house.sessions.of_user(ada.id) == [session]


async def test_a_session_that_was_never_there_is_refused(house: World) -> None:
    user = await house.sign_up()
    strange = a_session(user_id=user.id, id=SessionId(new_id()))
    pair = TokenPair.of(strange, Role.USER, house.signer, LIFETIMES)

    with pytest.raises(TokenRejected):
        await house.refresh(pair.refresh)


@pytest.mark.parametrize(("seconds", "is_good"), [(-29, True), (-31, False)])
async def test_a_refresh_token_from_a_clock_ahead_is_good_within_the_leeway(
    house: World, seconds: int, is_good: bool
) -> None:
    house.clock.now = house.clock.now.replace(microsecond=0)
    await house.sign_up()
    pair = await house.come_in()

    house.clock.advance(seconds * SECOND)

    if is_good:
        await house.refresh(pair.refresh)
    else:
        with pytest.raises(TokenRejected):
            await house.refresh(pair.refresh)
