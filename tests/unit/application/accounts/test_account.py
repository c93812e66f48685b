"""A change of the password ends all other sessions for good."""

from dataclasses import replace
from itertools import count

import pytest

from application.ports import HashClient
from application.rate_limiting import RateLimits
from domain.actor import Principal
from domain.errors import InvalidCredentials, InvalidInput, TokenRejected, WrongPassword
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport
from tests.support.builders import PASSWORD, SECOND
from tests.support.doubles import PausingSessions
from tests.support.world import World
from tests.unit.application.attempts import GUESS, limited, log_in

ADA = "ada@example.org"
NEW = "a better one than before"


async def test_the_new_password_logs_in_and_the_old_one_does_not(
    world: World, me: Principal
) -> None:
    await world.change_password(me, PASSWORD, NEW)

    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)
    await world.login(ADA, NEW)


async def test_a_change_of_password_has_the_share_of_known_clients(
    world: World, me: Principal
) -> None:
    world.hasher.clients.clear()

    await world.change_password(me, PASSWORD, NEW, RequestContext("192.0.2.1"))

    assert world.hasher.clients == [HashClient("192.0.2.1", is_known=True)] * 2


async def test_all_sessions_end_and_a_new_one_takes_the_place_of_mine(world: World) -> None:
    await world.sign_up(ADA)
    before, mine, after = [await world.log_in(ADA) for _ in range(3)]
    me = await world.authenticate(mine.access)

    renewed = (await world.change_password(me, PASSWORD, NEW)).tokens

    for copied in (before, mine, after):
        with pytest.raises(TokenRejected):
            await world.authenticate(copied.access)
        with pytest.raises(TokenRejected):
            await world.refresh(copied.refresh)
    [session] = await world.sessions.of_user(me.user.id)
    assert session.id != me.session.id
    assert (await world.authenticate(renewed.access)).session == session
    await world.refresh(renewed.refresh)


@pytest.mark.parametrize("transport", Transport)
async def test_a_new_session_keeps_the_transport_of_the_one_that_it_replaces(
    world: World, transport: Transport
) -> None:
    await world.sign_up(ADA)
    login = await world.login(ADA, PASSWORD, transport=transport)
    principal = await world.authenticate(login.tokens.access)

    await world.change_password(principal, PASSWORD, NEW)

    [session] = await world.sessions.of_user(principal.user.id)
    assert session.transport is transport


async def test_a_new_session_keeps_the_activity_of_the_one_that_it_replaces(
    world: World, me: Principal
) -> None:
    activity = (await world.sessions.activity_of(me.user.id))[me.session.id]

    await world.change_password(me, PASSWORD, NEW)

    [session] = await world.sessions.of_user(me.user.id)
    assert await world.sessions.activity_of(me.user.id) == {session.id: activity}


@pytest.mark.parametrize("step", ["refresh", "logout"])
async def test_a_session_is_renewed_though_it_is_refreshed_meanwhile_but_not_if_it_is_ended(
    world: World, step: str
) -> None:
    await world.sign_up(ADA)
    copied = await world.log_in(ADA)
    session = (await world.authenticate(copied.access)).session
    user = await world.users.get(session.user_id)
    assert user is not None
    sessions, pauses = world.sessions, count()

    async def meanwhile() -> None:
        if next(pauses) == 1:  # between reading and replacing
            world.sessions = sessions
            if step == "refresh":
                await world.refresh(copied.refresh)
            else:
                await world.logout(None, copied.refresh)

    world.sessions = PausingSessions(sessions, meanwhile)
    if step == "logout":
        with pytest.raises(TokenRejected):
            await world.renew_session(session, user)
        assert await sessions.of_user(user.id) == []
        return
    renewed = await world.renew_session(session, user)

    assert await sessions.of_user(user.id) == [renewed]
    assert renewed.id != session.id


async def test_sessions_of_other_users_stay(world: World, me: Principal) -> None:
    await world.sign_up("eve@example.org")
    eve = await world.log_in("eve@example.org")

    await world.change_password(me, PASSWORD, NEW)

    await world.authenticate(eve.access)


async def test_nothing_else_about_the_user_changes(world: World, me: Principal) -> None:
    world.clock.advance(SECOND)

    await world.change_password(me, PASSWORD, NEW)

    changed = await world.users.get(me.user.id)
    assert changed is not None
    assert changed.updated_at == world.clock()
    assert changed.password_hash != me.user.password_hash
    assert NEW not in changed.password_hash
    assert me.user == replace(
        changed,
        password_hash=me.user.password_hash,
        updated_at=me.user.updated_at,
        generation=0,
    )


@pytest.mark.parametrize(
    "current", ["", "a guess", PASSWORD + " ", PASSWORD.upper(), NEW, PASSWORD[:-1]]
)
async def test_a_wrong_current_password_changes_nothing(
    world: World, me: Principal, current: str
) -> None:
    with pytest.raises(WrongPassword):
        await world.change_password(me, current, NEW)

    await check_unchanged(world, me)


@pytest.mark.parametrize(
    "new",
    ["", "7 chars", "x" * 257, "password1", "aaaaaaaaaa", "Ada Lovelace", ADA, "ADA@example.org",
     "with\x00null", "with\u202eoverride"],
    ids=ascii,
)  # fmt: skip
async def test_the_new_password_must_be_one_that_a_registration_takes(
    world: World, me: Principal, new: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.change_password(me, PASSWORD, new)

    assert len(refused.value.problems) == 1
    assert world.hasher.computed == [me.user.password_hash] * 3  # those of the logins
    await check_unchanged(world, me)


@pytest.mark.parametrize("current", ["x" * 1025, "\U0001f680" * 1025, "half\ud800"], ids=ascii)
async def test_an_impossible_current_password_is_not_hashed(
    world: World, me: Principal, current: str
) -> None:
    before = list(world.hasher.computed)

    with pytest.raises(InvalidInput):
        await world.change_password(me, current, NEW)

    assert world.hasher.computed == before
    await check_unchanged(world, me)


async def test_the_password_may_stay_the_same(world: World, me: Principal) -> None:
    """A user may want only the other sessions to end."""
    await world.change_password(me, PASSWORD, PASSWORD)

    assert len(await world.sessions.of_user(me.user.id)) == 1
    await world.login(ADA, PASSWORD)


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_concurrently_changed_user_keeps_their_password(
    world: World, me: Principal, is_deleted: bool
) -> None:
    if is_deleted:
        await world.users.delete(me.user.id)
    else:
        await world.change(me.user, disabled=True)

    with pytest.raises(TokenRejected):
        await world.change_password(me, PASSWORD, NEW)

    stored = await world.users.get(me.user.id)
    assert stored == (None if is_deleted else replace(me.user, disabled=True))


async def test_guessing_the_current_password_is_limited_as_logging_in_is(
    world: World, me: Principal
) -> None:
    world.limits = limited(3, "login_account")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await world.change_password(me, GUESS, NEW)
    before = list(world.hasher.computed)

    with pytest.raises(TooManyRequests):
        await world.change_password(me, PASSWORD, NEW)

    assert world.hasher.computed == before
    world.limits = RateLimits()
    await check_unchanged(world, me)


async def test_confirmations_count_for_the_network_that_they_come_from(
    world: World, me: Principal
) -> None:
    world.limits = limited(3, "login_address")
    here, there = RequestContext("192.0.2.1"), RequestContext("198.51.100.7")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await world.change_password(me, GUESS, NEW, here)

    with pytest.raises(TooManyRequests):
        await world.change_password(me, PASSWORD, NEW, here)

    await world.change_password(me, PASSWORD, NEW, there)


async def test_a_thief_in_another_session_does_not_use_up_the_owners_attempts(
    world: World, me: Principal
) -> None:
    world.limits = limited(3, "login_account")
    thief = await world.authenticate((await world.log_in(ADA)).access)
    for _ in range(3):
        with pytest.raises(WrongPassword):
            await world.change_password(thief, GUESS, NEW)
    with pytest.raises(TooManyRequests):
        await world.change_password(thief, GUESS, NEW)

    await world.change_password(me, PASSWORD, NEW)


async def test_logins_of_others_do_not_keep_an_owner_from_changing_the_password(
    world: World, me: Principal
) -> None:
    world.limits = limited(1, "login")
    assert [await log_in(world, "no@example.org") for _ in range(2)] == ["wrong", "login"]

    await world.change_password(me, PASSWORD, NEW)


async def test_a_recent_change_by_another_process_is_no_obstacle(
    world: World, me: Principal
) -> None:
    """The request may have been authenticated from the cache."""
    await world.change(me.user, photo="ada.png")

    await world.change_password(me, PASSWORD, NEW)

    stored = await world.users.get(me.user.id)
    assert stored is not None
    assert stored.photo == "ada.png"


async def test_a_right_password_restores_all_attempts(world: World, me: Principal) -> None:
    world.limits = limited(3, "login_account")
    for _ in range(2):
        with pytest.raises(WrongPassword):
            await world.change_password(me, GUESS, NEW)

    await world.change_password(me, PASSWORD, NEW)

    assert [await log_in(world) for _ in range(4)] == ["wrong"] * 3 + ["login-account"]


async def check_unchanged(world: World, me: Principal) -> None:
    assert await world.users.get(me.user.id) == me.user
    assert len(await world.sessions.of_user(me.user.id)) == 3
    await world.login(ADA, PASSWORD)
