"""Session activity: recorded with requests, and stored later."""

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
from tests.support.builders import NOW, SECOND
from tests.support.world import World

MINUTE = timedelta(minutes=1)
THERE = RequestContext("198.51.100.7", agent="curl/8")


class FallibleSessions(MemorySessions):
    """
    :ivar error: the error of each write, if any.
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
def world(quick_signer: JwtSigner, sessions: FallibleSessions) -> World:
    return World(quick_signer, sessions=sessions)


async def stored(world: World, me: Principal) -> SessionActivity:
    return (await world.sessions.activity_of(me.user.id))[me.session.id]


async def test_activity_is_stored_by_the_next_flush_and_not_before(
    world: World, me: Principal
) -> None:
    world.clock.advance(MINUTE)
    world.record_activity.record(me.session, THERE)
    assert (await stored(world, me)).address != THERE.address

    await world.flush_activity()

    assert await stored(world, me) == SessionActivity(world.clock(), THERE.address, THERE.agent)


async def test_activity_is_due_again_after_a_minute(world: World, me: Principal) -> None:
    assert world.record_activity.is_due(me.session)
    world.record_activity.record(me.session, THERE)

    world.clock.advance(MINUTE - SECOND)
    assert not world.record_activity.is_due(me.session)
    world.clock.advance(SECOND)
    assert world.record_activity.is_due(me.session)


@pytest.mark.parametrize("error", [Unavailable("sessions"), RuntimeError("a fault")])
async def test_a_flush_that_fails_leaves_the_session_due_and_keeps_nothing(
    world: World, me: Principal, sessions: FallibleSessions, error: Exception
) -> None:
    """A store that is down for hours must not fill the memory of the workers."""
    world.clock.advance(MINUTE)
    world.record_activity.record(me.session, THERE)
    sessions.error = error

    with pytest.raises(type(error)):
        await world.flush_activity()

    assert world.buffer.pending == world.buffer.recorded_at == {}
    assert world.record_activity.is_due(me.session)
    sessions.error = None
    world.record_activity.record(me.session, THERE)
    await world.flush_activity()
    assert (await stored(world, me)).address == THERE.address


async def test_activity_that_another_process_has_stored_meanwhile_stays(
    world: World, me: Principal
) -> None:
    world.clock.advance(MINUTE)
    world.record_activity.record(me.session, THERE)
    world.clock.advance(10 * SECOND)
    later = SessionActivity(world.clock(), "203.0.113.9", "")
    await world.sessions.record_activity(me.user.id, me.session.id, later)

    await world.flush_activity()

    assert await stored(world, me) == later
    world.clock.advance(MINUTE - SECOND)
    assert not world.record_activity.is_due(me.session)
    world.clock.advance(SECOND)
    assert world.record_activity.is_due(me.session)


async def test_sessions_that_are_not_used_any_more_take_no_memory(
    world: World, me: Principal
) -> None:
    world.record_activity.record(me.session, THERE)
    world.clock.advance(MINUTE)

    await world.flush_activity()

    assert world.buffer.recorded_at == {}


def test_an_agent_is_stored_without_control_characters_and_other_scripts() -> None:
    caller = RequestContext(agent=" curl\r\n\x1b\x7f/8\u00e9\u200b ")

    assert SessionActivity.of(caller, NOW).agent == "curl/8"
