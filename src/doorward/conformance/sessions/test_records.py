"""The contract of SessionStore: each session comes back as stored, to its user only."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports import SessionStore
from domain.authentication import Method
from domain.client.digest import ClientDigest
from domain.session import Session, SessionId, TokenId, Transport
from domain.user import UserId
from doorward.conformance.support.examples import (
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    new_id,
    refreshed,
)
from doorward.conformance.support.sessions import of_one_user

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
    "a new session with a passkey": a_session(methods=frozenset({Method.PASSKEY})),
    "a refreshed session with a code": refreshed(
        a_session(methods=frozenset({Method.PASSWORD, Method.TOTP})), NOW + MICROSECOND
    ),
    "a bearer session that was stepped up": a_session(
        transport=Transport.BEARER, is_stepped_up=True
    ),
    "a refreshed session with every method": refreshed(
        a_session(methods=frozenset(Method), is_stepped_up=True), NOW + MICROSECOND
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
