"""Refreshing: rotation, honest repetition, theft, and everything at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from application.login.complete import TokenPair
from application.pagination import EventQuery
from domain.errors import RefreshTokenReused, TokenRejected
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.token import TokenKind
from tests.support.builders import LIFETIMES, MICROSECOND, SECOND, a_session, new_id
from tests.support.doubles import PausingSessions
from tests.support.world import World

GRACE = LIFETIMES.grace
OWNER = RequestContext("192.0.2.1", agent="Firefox")
THIEF = RequestContext("203.0.113.9", agent="curl")


def session_of(world: World, pair: TokenPair) -> SessionId:
    return world.signer.verify(pair.refresh, TokenKind.REFRESH).session_id


async def test_each_refresh_gives_a_new_pair_of_the_same_session(world: World) -> None:
    await world.sign_up()
    first = await world.log_in()

    world.clock.advance(SECOND)
    second = await world.refresh(first.refresh)

    assert second.refresh != first.refresh
    assert second.access != first.access
    assert session_of(world, second) == session_of(world, first)
    await world.authenticate(second.access)


async def test_a_refresh_in_the_second_of_the_login_gives_new_tokens_too(world: World) -> None:
    await world.sign_up()
    first = await world.log_in()

    second = await world.refresh(first.refresh)

    assert second.refresh != first.refresh
    assert second.access != first.access


async def test_a_repetition_within_the_grace_period_gives_the_same_bytes(world: World) -> None:
    await world.sign_up()
    first = await world.log_in()
    lost = await world.refresh(first.refresh)

    world.clock.advance(GRACE - MICROSECOND)

    assert await world.refresh(first.refresh) == lost
    await world.refresh(lost.refresh)


async def test_50_parallel_refreshes_give_one_successor(world: World) -> None:
    user = await world.sign_up()
    first = await world.log_in()
    world.sessions = PausingSessions(world.sessions, lambda: asyncio.sleep(0))

    pairs = await asyncio.gather(*(world.refresh(first.refresh) for _ in range(50)))

    assert len(set(pairs)) == 1
    [session] = await world.sessions.of_user(user.id)
    assert session_of(world, pairs[0]) == session.id
    await world.authenticate(pairs[0].access)
    await world.refresh(pairs[0].refresh)


async def test_a_spent_refresh_token_ends_the_session(world: World) -> None:
    user = await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh)
    world.clock.advance(GRACE)

    with pytest.raises(RefreshTokenReused):
        await world.refresh(first.refresh)

    assert await world.sessions.of_user(user.id) == []
    for access in (first.access, second.access):
        with pytest.raises(TokenRejected):
            await world.authenticate(access)
    with pytest.raises(TokenRejected):
        await world.refresh(second.refresh)


async def test_a_straggler_gets_the_valid_tokens_after_two_rotations(world: World) -> None:
    await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh)
    world.clock.advance(2 * SECOND)
    third = await world.refresh(second.refresh)

    assert await world.refresh(first.refresh) == third
    assert await world.refresh(second.refresh) == third
    await world.refresh(third.refresh)


async def test_an_older_refresh_token_ends_the_session_at_once(world: World) -> None:
    await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh)
    world.clock.advance(GRACE)
    third = await world.refresh(second.refresh)

    with pytest.raises(RefreshTokenReused):
        await world.refresh(first.refresh)
    with pytest.raises(TokenRejected):
        await world.refresh(third.refresh)


async def test_a_spent_token_of_another_client_ends_the_session_within_the_grace_period(
    world: World,
) -> None:
    await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh, OWNER)

    with pytest.raises(RefreshTokenReused):
        await world.refresh(first.refresh, THIEF)
    for call in (world.refresh(second.refresh), world.authenticate(second.access)):
        with pytest.raises(TokenRejected):
            await call


async def test_a_repetition_from_elsewhere_is_recorded_and_gets_the_same_bytes(
    world: World,
) -> None:
    user = await world.sign_up()
    first = await world.log_in()
    second = await world.refresh(first.refresh, OWNER)
    moved = replace(OWNER, address="198.51.100.7", request_id="moved")

    for _ in range(3):
        assert await world.refresh(first.refresh, moved) == second

    page = await world.audit_log.page(EventQuery(user_id=user.id), None, 100)
    repeats = [each.event for each in page.items if each.event.type == "repeat refresh"]
    assert [(each.outcome, each.caller.address) for each in repeats] == [
        ("success", "198.51.100.7")
    ]


async def test_a_repetition_by_the_same_client_is_not_recorded(world: World) -> None:
    user = await world.sign_up()
    first = await world.log_in()
    await world.refresh(first.refresh, OWNER)
    before = await world.audit_log.page(EventQuery(user_id=user.id), None, 100)

    await world.refresh(first.refresh, OWNER)

    assert await world.audit_log.page(EventQuery(user_id=user.id), None, 100) == before


async def test_a_theft_ends_no_other_session(world: World) -> None:
    user = await world.sign_up()
    stolen, other = await world.log_in(), await world.log_in()
    await world.refresh(stolen.refresh)
    world.clock.advance(GRACE)

    with pytest.raises(RefreshTokenReused):
        await world.refresh(stolen.refresh)

    assert [each.id for each in await world.sessions.of_user(user.id)] == [
        session_of(world, other)
    ]


async def test_of_thief_and_owner_neither_keeps_the_session(world: World) -> None:
    await world.sign_up()
    stolen = await world.log_in()
    world.clock.advance(timedelta(minutes=1))
    thief = await world.refresh(stolen.refresh)
    world.clock.advance(timedelta(minutes=1))

    with pytest.raises(RefreshTokenReused):  # the owner, who has the old one
        await world.refresh(stolen.refresh)
    with pytest.raises(TokenRejected):
        await world.refresh(thief.refresh)


async def test_a_session_lives_as_long_as_it_is_refreshed_in_time(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()

    for _ in range(5):
        world.clock.advance(LIFETIMES.idle - SECOND)
        pair = await world.refresh(pair.refresh)

    await world.authenticate(pair.access)


async def test_a_session_that_is_not_refreshed_in_time_is_over(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()

    world.clock.advance(LIFETIMES.idle)

    with pytest.raises(TokenRejected) as refused:
        await world.refresh(pair.refresh)
    assert type(refused.value) is TokenRejected


async def test_no_refresh_passes_the_absolute_end(world: World) -> None:
    world.lifetimes = replace(LIFETIMES, absolute=timedelta(hours=2))
    await world.sign_up()
    pair = await world.log_in()
    for _ in range(3):
        world.clock.advance(timedelta(minutes=39))
        pair = await world.refresh(pair.refresh)

    assert pair.access_lifetime == pair.refresh_lifetime == 3 * 60

    world.clock.advance(timedelta(minutes=3))
    with pytest.raises(TokenRejected):
        await world.refresh(pair.refresh)
    with pytest.raises(TokenRejected):
        await world.authenticate(pair.access)


async def test_a_disabled_user_does_not_refresh(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()
    await world.change(user, disabled=True)

    with pytest.raises(TokenRejected):
        await world.refresh(pair.refresh)


async def test_a_deleted_user_does_not_refresh(world: World) -> None:
    user = await world.sign_up()
    pair = await world.log_in()
    await world.users.delete(user.id)

    with pytest.raises(TokenRejected):
        await world.refresh(pair.refresh)


async def test_an_access_token_refreshes_nothing(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()

    with pytest.raises(TokenRejected):
        await world.refresh(pair.access)

    await world.refresh(pair.refresh)


async def test_a_session_of_another_user_is_not_found(world: World) -> None:
    """A genuine token whose user and session do not belong together."""
    ada, eve = await world.sign_up("ada@example.org"), await world.sign_up("eve@example.org")
    await world.log_in("ada@example.org")
    [session] = await world.sessions.of_user(ada.id)
    mixed = a_session(id=session.id, user_id=eve.id, token_id=session.token_id)
    pair = await world.issue_tokens(mixed, eve)

    with pytest.raises(TokenRejected):
        await world.refresh(pair.refresh)
    assert await world.sessions.of_user(ada.id) == [session]


async def test_a_session_that_was_never_there_is_refused(world: World) -> None:
    user = await world.sign_up()
    strange = a_session(user_id=user.id, id=SessionId(new_id()))
    pair = await world.issue_tokens(strange, user)

    with pytest.raises(TokenRejected):
        await world.refresh(pair.refresh)


@pytest.mark.parametrize(("seconds", "is_good"), [(-29, True), (-31, False)])
async def test_a_refresh_token_from_a_clock_ahead_is_good_within_the_leeway(
    world: World, seconds: int, is_good: bool
) -> None:
    world.clock.now = world.clock.now.replace(microsecond=0)
    await world.sign_up()
    pair = await world.log_in()

    world.clock.advance(seconds * SECOND)

    if is_good:
        await world.refresh(pair.refresh)
    else:
        with pytest.raises(TokenRejected):
            await world.refresh(pair.refresh)


async def test_a_page_gets_the_session_and_the_valid_tokens_after_a_lost_answer(
    world: World,
) -> None:
    await world.sign_up()
    first = await world.log_in()
    caller = replace(OWNER, device_token="a device")
    began, lost = await world.resume_session(first.refresh, caller)
    world.clock.advance(LIFETIMES.access + timedelta(minutes=5))

    resumed, again = await world.resume_session(first.refresh, caller)

    assert (resumed, again) == (began, lost)
    assert resumed.session.id == session_of(world, first)
    with pytest.raises(TokenRejected):
        await world.authenticate(again.access)  # which the page has not needed
    _, third = await world.resume_session(again.refresh, caller)
    await world.authenticate(third.access)
