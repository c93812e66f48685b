"""The contract of SessionStore: sessions that have ended, and those that have not."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports import SessionStore
from domain.user import UserId
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND, a_session

pytestmark = pytest.mark.asyncio


async def test_a_new_session_leaves_the_living_ones_alone(sessions: SessionStore) -> None:
    living = a_session(started_at=NOW - timedelta(days=2), expires_at=NOW + timedelta(hours=5))
    barely = a_session(user_id=living.user_id, expires_at=NOW + timedelta(hours=1))
    await sessions.add(living)
    await sessions.add(barely)

    new = a_session(user_id=living.user_id, started_at=barely.expires_at - MICROSECOND)
    await sessions.add(new)

    assert await sessions.of_user(living.user_id) == [living, barely, new]


async def test_a_new_session_sweeps_at_most_that_users_ended_ones(sessions: SessionStore) -> None:
    user_id, stranger = UserId(uuid4()), UserId(uuid4())
    end = NOW + timedelta(minutes=30)
    ended = a_session(user_id=user_id, expires_at=end)
    living = a_session(user_id=user_id, expires_at=end + MICROSECOND)
    strangers = a_session(user_id=stranger, expires_at=end)
    for session in (ended, living, strangers):
        await sessions.add(session)

    new = a_session(user_id=user_id, started_at=end)
    await sessions.add(new)

    kept = await sessions.of_user(user_id)
    assert [session for session in kept if session != ended] == [living, new]
    assert await sessions.of_user(stranger) == [strangers]


async def test_a_session_that_has_ended_may_be_forgotten_and_never_returns_changed(
    sessions: SessionStore,
) -> None:
    ended = a_session(
        started_at=NOW - timedelta(hours=2),
        rotated_at=NOW - timedelta(hours=2),
        expires_at=NOW - timedelta(hours=1),
    )
    await sessions.add(ended)

    assert await sessions.get(ended.user_id, ended.id) in (ended, None)
    assert await sessions.of_user(ended.user_id) in ([ended], [])


async def test_a_session_is_kept_as_long_as_it_lives_beside_shorter_ones(
    sessions: SessionStore,
) -> None:
    """The record of all of a user's sessions must last as long as the one that lasts longest."""
    user_id = UserId(uuid4())
    long = a_session(user_id=user_id, expires_at=NOW + timedelta(days=1))
    ended = a_session(
        user_id=user_id,
        started_at=NOW - timedelta(hours=2),
        expires_at=NOW - timedelta(hours=1),
    )
    brief = a_session(user_id=user_id, expires_at=NOW + timedelta(hours=2))
    await sessions.add(long)
    await sessions.add(ended)
    await sessions.add(brief)
    await sessions.replace(brief, replace(brief, expires_at=NOW - SECOND))

    assert await sessions.get(user_id, long.id) == long


async def test_expired_sessions_are_deleted_and_the_others_stay(sessions: SessionStore) -> None:
    expired = [a_session(expires_at=NOW - age * SECOND) for age in range(5)]
    running = a_session(expires_at=NOW + timedelta(hours=1))
    for session in (*expired, running):
        await sessions.add(session)

    first, second = [await sessions.delete_expired(NOW, 3) for _ in range(2)]

    assert (first, second) in {(3, 2), (0, 0)}  # sessions may expire by themselves
    if first:
        assert [await sessions.get(each.user_id, each.id) for each in expired] == [None] * 5
    assert await sessions.get(running.user_id, running.id) == running


async def test_sessions_that_have_not_expired_are_counted(sessions: SessionStore) -> None:
    assert await sessions.count(NOW) in (0, None)
    # Not sooner: a store may look at a clock of its own, and a run of tests takes minutes.
    user_id, soon = UserId(uuid4()), NOW + timedelta(minutes=40)
    living = [
        a_session(user_id=user_id),
        a_session(user_id=user_id),
        a_session(expires_at=soon),
    ]
    for session in living:
        await sessions.add(session)

    assert await sessions.count(NOW) in (3, None)
    assert await sessions.count(soon) in (2, 3, None)
    await sessions.delete(user_id, living[0].id)
    assert await sessions.count(NOW) in (2, None)
