"""Listing and revoking sessions."""

from uuid import uuid4

import pytest

from application.ports import SessionStore
from application.sessions.purge import PurgeExpiredSessions
from domain.actor import Operator, Principal
from domain.errors import NotFound, TokenRejected
from domain.session import SessionId, SessionsPerUser
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.storage.memory.sessions import MemorySessions
from tests.support.builders import NOW, SECOND, a_session, refreshed
from tests.support.world import World

EVE = "eve@example.org"


async def test_users_see_their_own_sessions(world: World, me: Principal) -> None:
    await world.sign_up(EVE)
    await world.log_in(EVE)

    listed = await world.list_sessions(me)

    assert len(listed) == 3
    assert {each.session.user_id for each in listed} == {me.user.id}
    assert me.session.id in {each.session.id for each in listed}


async def test_a_deleted_user_sees_no_sessions(world: World, me: Principal) -> None:
    await world.users.delete(me.user.id)

    with pytest.raises(TokenRejected):
        await world.list_sessions(me)


async def test_a_login_beyond_the_maximum_revokes_the_oldest_session(world: World) -> None:
    world.most = SessionsPerUser(2)
    user = await world.sign_up()
    await world.log_in()
    [oldest] = await world.sessions.of_user(user.id)
    for _ in range(2):
        world.clock.advance(SECOND)
        await world.log_in()

    left = await world.sessions.of_user(user.id)

    assert len(left) == 2
    assert oldest not in left
    [ended] = [each for each in world.events.events if each.session_id == oldest.id][1:]
    assert (ended.type, ended.outcome, ended.detail) == ("end session", "success", "too many")


async def test_an_operator_ends_one_session_of_a_user(world: World, me: Principal) -> None:
    await world.log_in()

    await world.revoke_session_of(Operator(), me.user.id, me.session.id, reason="stolen")

    assert me.session.id not in {each.id for each in await world.sessions.of_user(me.user.id)}
    assert await world.sessions.of_user(me.user.id)
    event = world.events.events[-1]
    assert (event.type, event.session_id, event.reason) == (
        "end session",
        me.session.id,
        "stolen",
    )


@pytest.mark.parametrize("session_id", ["0" * 32, "x"])
async def test_an_operator_ends_no_session_that_the_user_does_not_have(
    world: World, me: Principal, session_id: str
) -> None:
    with pytest.raises(NotFound):
        await world.revoke_session_of(Operator(), me.user.id, SessionId(session_id))

    assert await world.sessions.of_user(me.user.id)


async def test_an_operator_sees_the_sessions_of_a_user(world: World, me: Principal) -> None:
    listed = await world.list_sessions_of(Operator(), me.user.id)

    assert [each.session for each in listed] == await world.sessions.of_user(me.user.id)
    own = await world.list_sessions(me)
    assert [each.session.id for each in listed] == [each.session.id for each in own]


async def test_the_sessions_of_an_unknown_user_are_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.list_sessions_of(Operator(), UserId(uuid4()))


async def test_a_revoked_session_is_deleted_and_recorded(world: World, me: Principal) -> None:
    [other, _] = [
        each for each in await world.sessions.of_user(me.user.id) if each.id != me.session.id
    ]

    await world.revoke_session(me, other.id)

    assert other.id not in {each.id for each in await world.sessions.of_user(me.user.id)}
    event = world.events.events[-1]
    assert (event.type, event.outcome, event.session_id) == ("end session", "success", other.id)


@pytest.mark.parametrize("session_id", ["0" * 32, "no session id at all"])
async def test_a_session_that_does_not_exist_cannot_be_revoked(
    world: World, me: Principal, session_id: str
) -> None:
    with pytest.raises(NotFound):
        await world.revoke_session(me, SessionId(session_id))

    assert len(await world.sessions.of_user(me.user.id)) == 3
    assert world.events.events[-1].session_id is None


async def test_a_session_of_another_user_cannot_be_revoked(world: World, me: Principal) -> None:
    await world.sign_up(EVE)
    eve = await world.authenticate((await world.log_in(EVE)).access)

    with pytest.raises(NotFound):
        await world.revoke_session(eve, me.session.id)

    assert len(await world.sessions.of_user(me.user.id)) == 3


async def test_long_expired_sessions_are_deleted_and_others_stay(
    world: World, me: Principal
) -> None:
    purge = PurgeExpiredSessions(world.sessions, world.clock)
    await purge()
    assert len(await world.sessions.of_user(me.user.id)) == 3

    world.clock.advance(world.lifetimes.absolute * 3)
    await purge()

    assert await world.sessions.of_user(me.user.id) == []


async def test_a_store_whose_sessions_expire_by_themselves_deletes_none() -> None:
    assert await SessionStore.delete_expired(MemorySessions(), NOW, 10) == 0


async def test_only_valid_sessions_are_listed_the_one_used_last_first(world: World) -> None:
    user = await world.sign_up()
    used = SessionActivity(NOW + 30 * SECOND, "192.0.2.7", "an app")
    first = a_session(user_id=user.id)
    second = a_session(user_id=user.id, started_at=NOW + SECOND)
    third = a_session(user_id=user.id, rotated_at=NOW + 20 * SECOND)
    await world.sessions.add(first, used)
    await world.sessions.add(second)
    await world.sessions.add(third)
    await world.sessions.add(a_session(user_id=user.id, generation=user.generation + 1))
    await world.sessions.add(a_session(user_id=user.id, expires_at=NOW + SECOND))
    world.clock.advance(SECOND)

    listed = await world.list_sessions_of(Operator(), user.id)

    assert [each.session for each in listed] == [first, third, second]
    assert [each.activity for each in listed] == [used, None, None]
    assert [each.last_seen_at - NOW for each in listed] == [30 * SECOND, 20 * SECOND, SECOND]


async def test_an_attacker_with_a_copied_token_does_not_learn_when_its_owner_refreshes(
    world: World,
) -> None:
    user = await world.sign_up()
    me = await world.authenticate((await world.log_in()).access)
    [stored] = await world.sessions.of_user(user.id)
    world.clock.advance(60 * SECOND)
    assert (await world.sessions.replace(stored, refreshed(stored, world.clock()))).changed

    [seen] = await world.list_sessions(me)
    [real] = await world.list_sessions_of(Operator(), user.id)

    assert seen.session.rotated_at < real.session.rotated_at
    assert seen.session.expires_at < real.session.expires_at
