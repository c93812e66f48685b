"""Listing and revoking sessions."""

from uuid import uuid4

import pytest

from application.ports import SessionStore
from application.sessions import PurgeExpiredSessions
from domain.actor import Operator, Principal
from domain.errors import NotFound, TokenRejected
from domain.session import SessionId, SessionsPerUser
from domain.user import UserId
from infrastructure.storage.memory.sessions import MemorySessions
from tests.support.builders import NOW, SECOND, World

EVE = "eve@example.org"


async def test_users_see_their_own_sessions(house: World, me: Principal) -> None:
    await house.sign_up(EVE)
    await house.come_in(EVE)

    listed = await house.list_sessions(me)

    assert len(listed) == 3
    assert {each.session.user_id for each in listed} == {me.user.id}
    assert me.session.id in {each.session.id for each in listed}


async def test_a_deleted_user_sees_no_sessions(house: World, me: Principal) -> None:
    await house.users.delete(me.user.id)

    with pytest.raises(TokenRejected):
        await house.list_sessions(me)


async def test_a_login_beyond_the_maximum_revokes_the_oldest_session(house: World) -> None:
    house.most = SessionsPerUser(2)
    user = await house.sign_up()
    await house.come_in()
    [oldest] = await house.sessions.of_user(user.id)
    for _ in range(2):
        house.clock.advance(SECOND)
        await house.come_in()

    left = await house.sessions.of_user(user.id)

    assert len(left) == 2
    assert oldest not in left
    [ended] = [each for each in house.events.events if each.session_id == oldest.id][1:]
    assert (ended.type, ended.outcome, ended.detail) == ("end session", "success", "too many")


async def test_an_operator_sees_the_sessions_of_a_user(house: World, me: Principal) -> None:
    listed = await house.list_sessions_of(Operator(), me.user.id)

    assert [each.session for each in listed] == await house.sessions.of_user(me.user.id)
    own = await house.list_sessions(me)
    assert [each.session.id for each in listed] == [each.session.id for each in own]


async def test_the_sessions_of_an_unknown_user_are_not_found(house: World) -> None:
    with pytest.raises(NotFound):
        await house.list_sessions_of(Operator(), UserId(uuid4()))


async def test_a_revoked_session_is_deleted_and_recorded(house: World, me: Principal) -> None:
    [other, _] = [
        each for each in await house.sessions.of_user(me.user.id) if each.id != me.session.id
    ]

    await house.revoke_session(me, other.id)

    assert other.id not in {each.id for each in await house.sessions.of_user(me.user.id)}
    event = house.events.events[-1]
    assert (event.type, event.outcome, event.session_id) == ("end session", "success", other.id)


@pytest.mark.parametrize("session_id", ["0" * 32, "no session id at all"])
async def test_a_session_that_does_not_exist_cannot_be_revoked(
    house: World, me: Principal, session_id: str
) -> None:
    with pytest.raises(NotFound):
        await house.revoke_session(me, SessionId(session_id))

    assert len(await house.sessions.of_user(me.user.id)) == 3
    assert house.events.events[-1].session_id is None


async def test_a_session_of_another_user_cannot_be_revoked(house: World, me: Principal) -> None:
    await house.sign_up(EVE)
    eve = await house.authenticate((await house.come_in(EVE)).access)

    with pytest.raises(NotFound):
        await house.revoke_session(eve, me.session.id)

    assert len(await house.sessions.of_user(me.user.id)) == 3


async def test_long_expired_sessions_are_deleted_and_others_stay(
    house: World, me: Principal
) -> None:
    purge = PurgeExpiredSessions(house.sessions, house.clock)
    await purge()
    assert len(await house.sessions.of_user(me.user.id)) == 3

    house.clock.advance(house.lifetimes.absolute * 3)
    await purge()

    assert await house.sessions.of_user(me.user.id) == []


async def test_a_store_whose_sessions_expire_by_themselves_deletes_none() -> None:
    assert await SessionStore.delete_expired(MemorySessions(), NOW, 10) == 0
