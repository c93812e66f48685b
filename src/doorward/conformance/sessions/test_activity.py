"""The contract of SessionStore: the last activity of each session."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from application.ports import SessionStore
from domain.session import SessionId
from domain.session_activity import SessionActivity
from domain.user import UserId
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    new_id,
    refreshed,
)
from doorward.conformance.support.sessions import HERE, THERE, of_one_user

pytestmark = pytest.mark.asyncio


ACTIVITIES = {
    "an address and an agent": HERE,
    "nothing but the time": SessionActivity(NOW),
    "IPv6": THERE,
    "the longest address": SessionActivity(NOW, "2001:0db8:0000:0000:0000:ffff:192.168.100.228"),
    "the longest agent": SessionActivity(NOW, "192.0.2.1", "x" * 255),
    "an agent with signs": SessionActivity(NOW, "192.0.2.1", "%s \\ 'Ada' \"x\" ;-- {b}*?[c] ~"),
    "a whole second": SessionActivity(NOW.replace(microsecond=0), "192.0.2.1"),
    "the last microsecond": SessionActivity(NOW.replace(microsecond=999_999), "192.0.2.1"),
    "a time before the session's": SessionActivity(NOW - timedelta(days=3), "192.0.2.1"),
}


@pytest.mark.parametrize("activity", ACTIVITIES.values(), ids=ACTIVITIES)
async def test_a_activity_comes_back_exactly_as_noted(
    sessions: SessionStore, activity: SessionActivity
) -> None:
    new, old = of_one_user(2)
    await sessions.add(new, activity)
    await sessions.add(old)
    await sessions.record_activity(old.user_id, old.id, activity)

    seen = await sessions.activity_of(new.user_id)

    assert seen == {new.id: activity, old.id: activity}
    assert seen[new.id].at.utcoffset() == timedelta()


async def test_a_session_that_was_never_seen_has_no_activity(sessions: SessionStore) -> None:
    seen, unseen = of_one_user(2)
    await sessions.add(unseen)
    await sessions.add(seen, HERE)

    assert await sessions.activity_of(seen.user_id) == {seen.id: HERE}


async def test_an_unknown_user_has_no_activity(sessions: SessionStore) -> None:
    await sessions.add(a_session(), HERE)

    assert await sessions.activity_of(UserId(uuid4())) == {}


@pytest.mark.parametrize("at", [NOW + SECOND, NOW, NOW - SECOND], ids=["later", "now", "earlier"])
async def test_the_last_activity_is_noted_in_place_of_those_before(
    sessions: SessionStore, at: datetime
) -> None:
    session = a_session()
    await sessions.add(session, HERE)

    last = SessionActivity(at, "2001:db8::7")
    await sessions.record_activity(session.user_id, session.id, THERE)
    await sessions.record_activity(session.user_id, session.id, last)

    assert await sessions.activity_of(session.user_id) == {session.id: last}


async def test_a_activity_is_of_one_session(sessions: SessionStore) -> None:
    one, other = of_one_user(2)
    strangers = a_session()
    for session in (one, other, strangers):
        await sessions.add(session, HERE)

    await sessions.record_activity(one.user_id, one.id, THERE)

    assert await sessions.activity_of(one.user_id) == {one.id: THERE, other.id: HERE}
    assert await sessions.activity_of(strangers.user_id) == {strangers.id: HERE}


async def test_a_session_that_was_never_there_is_not_seen(sessions: SessionStore) -> None:
    session = a_session()
    await sessions.add(session, HERE)

    await sessions.record_activity(session.user_id, SessionId(new_id()), THERE)
    await sessions.record_activity(unknown_user := UserId(uuid4()), SessionId(new_id()), THERE)

    assert await sessions.activity_of(session.user_id) == {session.id: HERE}
    assert await sessions.activity_of(unknown_user) == {}
    assert await sessions.of_user(unknown_user) == []


async def test_a_session_that_was_deleted_is_not_seen(sessions: SessionStore) -> None:
    deleted, other = of_one_user(2)
    await sessions.add(deleted, HERE)
    await sessions.add(other, HERE)
    await sessions.delete(deleted.user_id, deleted.id)

    await sessions.record_activity(deleted.user_id, deleted.id, THERE)

    assert await sessions.activity_of(deleted.user_id) == {other.id: HERE}
    assert await sessions.get(deleted.user_id, deleted.id) is None


async def test_a_user_cannot_read_sessions_of_another(sessions: SessionStore) -> None:
    session, strangers = a_session(), a_session()
    await sessions.add(session, HERE)
    await sessions.add(strangers)

    await sessions.record_activity(strangers.user_id, session.id, THERE)

    assert await sessions.activity_of(session.user_id) == {session.id: HERE}
    assert await sessions.activity_of(strangers.user_id) == {}


async def test_a_user_cannot_delete_activity_of_another(sessions: SessionStore) -> None:
    session, strangers = a_session(), a_session()
    await sessions.add(session, HERE)
    await sessions.add(strangers)

    await sessions.delete(strangers.user_id, session.id)

    assert await sessions.activity_of(session.user_id) == {session.id: HERE}


async def test_of_a_deleted_session_no_activity_is_left(sessions: SessionStore) -> None:
    session = a_session()
    await sessions.add(session, HERE)

    await sessions.delete(session.user_id, session.id)

    assert await sessions.activity_of(session.user_id) == {}
    await sessions.add(session)  # one of the same id is another one
    assert await sessions.activity_of(session.user_id) == {}


async def test_of_a_swept_session_no_activity_is_left(sessions: SessionStore) -> None:
    user_id = UserId(uuid4())
    end = NOW + timedelta(minutes=30)
    ended = a_session(user_id=user_id, expires_at=end)
    living = a_session(user_id=user_id, expires_at=end + MICROSECOND)
    new = a_session(user_id=user_id, started_at=end)
    await sessions.add(ended, HERE)
    await sessions.add(living, HERE)

    await sessions.add(new, THERE)

    kept = {session.id for session in await sessions.of_user(user_id)}
    seen = await sessions.activity_of(user_id)
    assert set(seen) == kept
    assert (seen[living.id], seen[new.id]) == (HERE, THERE)


async def test_a_replacement_keeps_the_activity(sessions: SessionStore) -> None:
    old = a_session()
    await sessions.add(old, HERE)

    assert (await sessions.replace(old, refreshed(old, NOW + SECOND))).changed

    assert await sessions.activity_of(old.user_id) == {old.id: HERE}


async def test_a_activity_changes_nothing_about_the_session(sessions: SessionStore) -> None:
    old = a_session()
    await sessions.add(old, HERE)

    await sessions.record_activity(old.user_id, old.id, THERE)

    assert await sessions.of_user(old.user_id) == [old]
    assert (await sessions.replace(old, refreshed(old))).changed
    assert await sessions.activity_of(old.user_id) == {old.id: THERE}


async def test_a_deleted_session_never_comes_back_through_a_racing_activity(
    sessions: SessionStore,
) -> None:
    some = of_one_user(20)
    for session in some:
        await sessions.add(session, HERE)

    await asyncio.gather(
        *(
            step
            for session in some
            for step in (
                sessions.record_activity(session.user_id, session.id, THERE),
                sessions.delete(session.user_id, session.id),
                sessions.record_activity(session.user_id, session.id, THERE),
            )
        )
    )

    assert await sessions.of_user(some[0].user_id) == []
    assert await sessions.activity_of(some[0].user_id) == {}


async def test_the_activities_of_many_sessions_are_kept(sessions: SessionStore) -> None:
    some = of_one_user(150)
    activities = {
        session.id: SessionActivity(NOW + number * MICROSECOND, f"192.0.2.{number}", "x" * 255)
        for number, session in enumerate(some)
    }
    await asyncio.gather(*(sessions.add(session, activities[session.id]) for session in some))

    assert await sessions.activity_of(some[0].user_id) == activities
