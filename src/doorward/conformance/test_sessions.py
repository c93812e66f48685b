"""The contract of SessionStore."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports import SessionStore
from application.ports.effects import Effects, Stored
from domain.client_digest import ClientDigest
from domain.session import Session, SessionId, TokenId, Transport
from domain.session_activity import SessionActivity
from domain.user import UserId
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    an_event,
    new_id,
    refreshed,
)

pytestmark = pytest.mark.asyncio

FIRST = "0" * 31 + "1"
LAST = "f" * 32
SESSIONS = {
    "a new session": a_session(),
    "a refreshed session": refreshed(a_session(), NOW + MICROSECOND),
    "the lowest ids": a_session(
        id=SessionId(FIRST), token_id=TokenId(FIRST), spent_id=TokenId(FIRST)
    ),
    "the highest ids": a_session(
        id=SessionId(LAST), token_id=TokenId(LAST), spent_id=TokenId(LAST)
    ),
    "all of the last rotations": a_session(
        spent_id=None,
        refreshed_by=ClientDigest(False, 1, 2),
        intervals=(1, 0xFFFF, 3),
        strikes=5,
    ),
    "the highest digests": a_session(
        spent_id=None, refreshed_by=ClientDigest(True, (1 << 23) - 1, 0xFFFF)
    ),
    "the lowest digests": a_session(spent_id=None, refreshed_by=ClientDigest(False, 0, 0)),
    "a new bearer session": a_session(transport=Transport.BEARER),
    "a refreshed bearer session": refreshed(
        a_session(transport=Transport.BEARER), NOW + MICROSECOND
    ),
    "a bearer session with the lowest digests": a_session(
        transport=Transport.BEARER, spent_id=None, refreshed_by=ClientDigest(False, 0, 0)
    ),
    "an all-zero good token": a_session(token_id=TokenId("0" * 32), spent_id=None),
    "whole seconds": a_session(
        started_at=NOW.replace(microsecond=0), rotated_at=NOW.replace(microsecond=0)
    ),
    "the last microsecond": a_session(rotated_at=NOW.replace(microsecond=999_999)),
    "four different times": a_session(
        started_at=NOW - timedelta(days=3),
        rotated_at=NOW - timedelta(minutes=7, microseconds=1),
        expires_at=NOW + timedelta(minutes=53, microseconds=2),
        ends_at=NOW + timedelta(days=27, microseconds=3),
    ),
    "a century": a_session(expires_at=NOW.replace(year=2126), ends_at=NOW.replace(year=2126)),
}


def of_one_user(number: int) -> list[Session]:
    """Sessions that began one after the other, the last one now."""
    user_id = UserId(uuid4())
    return [
        a_session(user_id=user_id, started_at=NOW - age * SECOND)
        for age in reversed(range(number))
    ]


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
async def test_a_session_comes_back_exactly_as_stored(
    sessions: SessionStore, session: Session
) -> None:
    await sessions.add(session)

    assert await sessions.get(session.user_id, session.id) == session
    assert await sessions.of_user(session.user_id) == [session]


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
async def test_a_replacement_comes_back_exactly_as_stored(
    sessions: SessionStore, session: Session
) -> None:
    old = a_session(id=session.id, user_id=session.user_id)
    await sessions.add(old)

    assert (await sessions.replace(old, session)).changed

    assert await sessions.get(session.user_id, session.id) == session


async def test_times_come_back_aware_and_in_utc(sessions: SessionStore) -> None:
    session = a_session()
    await sessions.add(session)

    stored = await sessions.get(session.user_id, session.id)

    assert stored is not None
    for time in (stored.started_at, stored.rotated_at, stored.expires_at, stored.ends_at):
        assert time.utcoffset() == timedelta()


async def test_a_session_that_is_not_there_is_none(sessions: SessionStore) -> None:
    session = a_session()
    await sessions.add(session)

    assert await sessions.get(session.user_id, SessionId(new_id())) is None
    assert await sessions.of_user(UserId(uuid4())) == []


async def test_a_session_is_its_users_only(sessions: SessionStore) -> None:
    session, stranger = a_session(), UserId(uuid4())
    await sessions.add(session)
    await sessions.add(a_session(user_id=stranger))

    assert await sessions.get(stranger, session.id) is None
    await sessions.delete(stranger, session.id)

    assert session not in await sessions.of_user(stranger)
    assert await sessions.get(session.user_id, session.id) == session


async def test_a_users_sessions_are_listed_the_oldest_first(sessions: SessionStore) -> None:
    in_order = of_one_user(6)
    for index in (3, 0, 5, 1, 4, 2):
        await sessions.add(in_order[index])
        await sessions.add(a_session())  # another user's

    assert await sessions.of_user(in_order[0].user_id) == in_order


async def test_a_refresh_does_not_change_the_order(sessions: SessionStore) -> None:
    oldest, newest = of_one_user(2)
    await sessions.add(oldest)
    await sessions.add(newest)

    successor = refreshed(oldest, NOW + SECOND)
    await sessions.replace(oldest, successor)

    assert await sessions.of_user(oldest.user_id) == [successor, newest]


async def test_many_sessions_of_one_user_are_kept(sessions: SessionStore) -> None:
    in_order = of_one_user(150)  # more than Redis keeps in its compact form
    await asyncio.gather(*map(sessions.add, in_order))

    assert await sessions.of_user(in_order[0].user_id) == in_order


CHANGES: dict[str, object] = {
    "token_id": TokenId(new_id()),
    "refreshed_by": ClientDigest(True, 1, 2),
    "rotated_at": NOW + MICROSECOND,
    "expires_at": NOW + timedelta(minutes=61),
    "ends_at": NOW + timedelta(days=31),
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items(), ids=CHANGES)
async def test_a_concurrently_changed_record_is_not_replaced(
    sessions: SessionStore, name: str, value: object
) -> None:
    old = a_session()
    await sessions.add(old)
    changed = replace(old, **{name: value})  # type: ignore[arg-type] # a field and its value
    assert (await sessions.replace(old, changed)).changed

    assert not (await sessions.replace(old, refreshed(old))).changed

    assert await sessions.get(old.user_id, old.id) == changed


@pytest.mark.parametrize("change", [{"strikes": 2}, {"intervals": (1000,)}], ids=str)
async def test_a_change_of_the_recorded_rotations_is_a_change(
    sessions: SessionStore, change: dict[str, Any]
) -> None:
    old = refreshed(a_session())
    changed = replace(old, **change)
    await sessions.add(old)
    assert (await sessions.replace(old, changed)).changed

    assert not (await sessions.replace(old, refreshed(old))).changed
    assert (await sessions.replace(changed, refreshed(changed))).changed


async def test_a_replacement_changes_no_other_session(sessions: SessionStore) -> None:
    one, other = of_one_user(2)
    other_users_session = a_session()
    for session in (one, other, other_users_session):
        await sessions.add(session)

    await sessions.replace(one, refreshed(one))

    assert await sessions.get(other.user_id, other.id) == other
    assert (
        await sessions.get(other_users_session.user_id, other_users_session.id)
        == other_users_session
    )


async def test_of_50_parallel_replacements_one_wins(sessions: SessionStore) -> None:
    old = a_session()
    await sessions.add(old)
    news = [replace(refreshed(old), token_id=TokenId(new_id())) for _ in range(50)]

    stored = await asyncio.gather(*(sessions.replace(old, new) for new in news))

    wins = [each.changed for each in stored]
    assert wins.count(True) == 1
    assert await sessions.get(old.user_id, old.id) == news[wins.index(True)]


async def test_a_session_is_replaced_by_one_with_another_id_in_one_step(
    sessions: SessionStore,
) -> None:
    old, other = of_one_user(2)
    await sessions.add(old, HERE)
    await sessions.add(other, THERE)
    new = a_session(user_id=old.user_id)

    assert (await sessions.replace(old, new)).changed

    assert await sessions.get(old.user_id, old.id) is None
    assert {each.id: each for each in await sessions.of_user(old.user_id)} == {
        other.id: other,
        new.id: new,
    }
    assert await sessions.activity_of(old.user_id) == {new.id: HERE, other.id: THERE}


async def test_a_session_without_activity_is_replaced_by_one_with_another_id(
    sessions: SessionStore,
) -> None:
    old = a_session()
    await sessions.add(old)
    new = a_session(user_id=old.user_id)

    assert (await sessions.replace(old, new)).changed

    assert await sessions.of_user(old.user_id) == [new]
    assert await sessions.activity_of(old.user_id) == {}


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_changed_or_deleted_session_is_not_replaced_by_one_with_another_id(
    sessions: SessionStore, is_deleted: bool
) -> None:
    old, successor = (session := a_session()), refreshed(session)
    await sessions.add(old, HERE)
    await sessions.replace(old, successor)
    if is_deleted:
        await sessions.delete(old.user_id, old.id)

    assert not (await sessions.replace(old, a_session(user_id=old.user_id))).changed

    assert await sessions.of_user(old.user_id) == ([] if is_deleted else [successor])
    assert await sessions.activity_of(old.user_id) == ({} if is_deleted else {old.id: HERE})


async def test_a_missing_record_is_not_replaced(sessions: SessionStore) -> None:
    old = a_session()

    assert not (await sessions.replace(old, refreshed(old))).changed

    assert await sessions.get(old.user_id, old.id) is None
    assert await sessions.of_user(old.user_id) == []


async def test_a_deleted_session_is_gone(sessions: SessionStore) -> None:
    one, other = of_one_user(2)
    await sessions.add(one)
    await sessions.add(other)

    await sessions.delete(one.user_id, one.id)

    assert await sessions.get(one.user_id, one.id) is None
    assert await sessions.of_user(one.user_id) == [other]


async def test_deleting_a_missing_record_is_no_error(sessions: SessionStore) -> None:
    session = a_session()
    await sessions.add(session)

    await sessions.delete(session.user_id, session.id)
    await sessions.delete(session.user_id, session.id)
    await sessions.delete(UserId(uuid4()), SessionId(new_id()))

    assert await sessions.of_user(session.user_id) == []


async def test_a_deleted_session_is_not_replaced(sessions: SessionStore) -> None:
    old = a_session()
    await sessions.add(old)
    await sessions.delete(old.user_id, old.id)

    assert not (await sessions.replace(old, refreshed(old))).changed

    assert await sessions.get(old.user_id, old.id) is None


async def test_a_deleted_session_never_comes_back_through_a_racing_replacement(
    sessions: SessionStore,
) -> None:
    olds = of_one_user(20)
    for old in olds:
        await sessions.add(old)

    await asyncio.gather(
        *(
            step
            for old in olds
            for step in (
                sessions.replace(old, refreshed(old)),
                sessions.delete(old.user_id, old.id),
                sessions.replace(old, refreshed(old)),
            )
        )
    )

    assert await sessions.of_user(olds[0].user_id) == []


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


ACTIVITIES = {
    "an address and an agent": SessionActivity(
        NOW, "192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64)"
    ),
    "nothing but the time": SessionActivity(NOW),
    "IPv6": SessionActivity(NOW, "2001:db8::7", "curl/8.5.0"),
    "the longest address": SessionActivity(NOW, "2001:0db8:0000:0000:0000:ffff:192.168.100.228"),
    "the longest agent": SessionActivity(NOW, "192.0.2.1", "x" * 255),
    "an agent with signs": SessionActivity(NOW, "192.0.2.1", "%s \\ 'Ada' \"x\" ;-- {b}*?[c] ~"),
    "a whole second": SessionActivity(NOW.replace(microsecond=0), "192.0.2.1"),
    "the last microsecond": SessionActivity(NOW.replace(microsecond=999_999), "192.0.2.1"),
    "a time before the session's": SessionActivity(NOW - timedelta(days=3), "192.0.2.1"),
}
HERE, THERE = ACTIVITIES["an address and an agent"], ACTIVITIES["IPv6"]


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


async def test_each_change_says_whether_it_changed_anything(sessions: SessionStore) -> None:
    old = a_session()
    new = refreshed(old)

    assert (await sessions.add(old)).changed
    assert (await sessions.replace(old, new)).changed
    assert not (await sessions.replace(old, new)).changed
    assert not (await sessions.delete(UserId(uuid4()), old.id)).changed
    assert (await sessions.delete(old.user_id, old.id)).changed
    assert not (await sessions.delete(old.user_id, old.id)).changed


async def test_away_from_the_audit_log_no_change_claims_to_have_stored_effects(
    sessions: SessionStore,
) -> None:
    old, effects = a_session(), Effects((an_event(),))

    stored = [
        await sessions.add(old, None, effects),
        await sessions.replace(old, refreshed(old), effects),
        await sessions.delete(old.user_id, old.id, effects),
    ]

    assert stored == [Stored(True, effects_stored=False)] * 3


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
