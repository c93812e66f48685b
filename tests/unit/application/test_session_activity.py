"""Where a session was last used: recorded with its requests, and stored later."""

from datetime import timedelta

import pytest

from domain.actor import Principal
from domain.errors import Unavailable
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.memory.sessions import MemorySessions
from tests.support.builders import SECOND, World

MINUTE = timedelta(minutes=1)
THERE = RequestContext("198.51.100.7", agent="curl/8")


class FallibleSessions(MemorySessions):
    """
    :ivar error: what a write raises, if anything.
    """

    error: Exception | None = None

    async def record_activity(
        self, user_id: UserId, session_id: SessionId, activity: SessionActivity
    ) -> None:
        if self.error is not None:
            raise self.error
        await super().record_activity(user_id, session_id, activity)


@pytest.fixture
def sessions() -> FallibleSessions:
    return FallibleSessions()


@pytest.fixture
def house(signer: JwtSigner, sessions: FallibleSessions) -> World:
    return World(signer, sessions=sessions)


async def stored(house: World, me: Principal) -> SessionActivity:
    return (await house.sessions.activity_of(me.user.id))[me.session.id]


async def test_activity_is_stored_by_the_next_flush_and_not_before(
    house: World, me: Principal
) -> None:
    house.clock.advance(MINUTE)
    house.record_activity.record(me.session, THERE)
    assert (await stored(house, me)).address != THERE.address

    await house.flush_activity()

    assert await stored(house, me) == SessionActivity(house.clock(), THERE.address, THERE.agent)


async def test_activity_is_due_again_after_a_minute(house: World, me: Principal) -> None:
    assert house.record_activity.is_due(me.session)
    house.record_activity.record(me.session, THERE)

    house.clock.advance(MINUTE - SECOND)
    assert not house.record_activity.is_due(me.session)
    house.clock.advance(SECOND)
    assert house.record_activity.is_due(me.session)


@pytest.mark.parametrize("error", [Unavailable("sessions"), RuntimeError("a fault")])
async def test_a_flush_that_fails_leaves_the_session_due_and_keeps_nothing(
    house: World, me: Principal, sessions: FallibleSessions, error: Exception
) -> None:
    """A store that is down for hours must not fill the memory of the workers."""
    house.clock.advance(MINUTE)
    house.record_activity.record(me.session, THERE)
    sessions.error = error

    with pytest.raises(type(error)):
        await house.flush_activity()

    assert house.buffer.pending == house.buffer.recorded_at == {}
    assert house.record_activity.is_due(me.session)
    sessions.error = None
    house.record_activity.record(me.session, THERE)
    await house.flush_activity()
    assert (await stored(house, me)).address == THERE.address


async def test_activity_that_another_process_has_stored_meanwhile_stays(
    house: World, me: Principal
) -> None:
    house.clock.advance(MINUTE)
    house.record_activity.record(me.session, THERE)
    house.clock.advance(10 * SECOND)
    later = SessionActivity(house.clock(), "203.0.113.9", "")
    await house.sessions.record_activity(me.user.id, me.session.id, later)

    await house.flush_activity()

    assert await stored(house, me) == later
    house.clock.advance(MINUTE - SECOND)
    assert not house.record_activity.is_due(me.session)
    house.clock.advance(SECOND)
    assert house.record_activity.is_due(me.session)


async def test_sessions_that_are_not_used_any_more_take_no_memory(
    house: World, me: Principal
) -> None:
    house.record_activity.record(me.session, THERE)
    house.clock.advance(MINUTE)

    await house.flush_activity()

    assert house.buffer.recorded_at == {}
