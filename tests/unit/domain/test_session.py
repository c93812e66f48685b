"""The rules of sessions and refresh tokens."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import RefreshTokenReused, TokenRejected
from domain.session import Lifetimes, Session, TokenId
from tests.support.builders import (
    LIFETIMES,
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    ada,
    new_id,
    refreshed,
)

GRACE = LIFETIMES.grace


def present(
    session: Session, token_id: TokenId | None, now: datetime, lifetimes: Lifetimes = LIFETIMES
) -> Session:
    assert token_id is not None
    return session.refresh(token_id, now, lifetimes, TokenId(new_id()))


def test_a_new_session_lasts_for_the_idle_time() -> None:
    session = a_session()

    assert session.spent_id is None
    assert session.started_at == session.rotated_at == NOW
    assert session.expires_at == NOW + LIFETIMES.idle
    assert session.ends_at == NOW + LIFETIMES.absolute


def test_a_session_has_ended_from_the_very_moment_that_it_expires() -> None:
    session = a_session()

    assert not session.has_ended(session.expires_at - MICROSECOND)
    assert session.has_ended(session.expires_at)


def test_a_refresh_spends_the_token_and_makes_its_successor() -> None:
    session, later = a_session(), NOW + timedelta(minutes=5)

    successor = session.refresh(session.token_id, later, LIFETIMES, TokenId("next"))

    assert successor.token_id == "next"
    assert successor.spent_id == session.token_id
    assert successor.rotated_at == later
    assert (successor.id, successor.user_id) == (session.id, session.user_id)
    assert successor.started_at == session.started_at


def test_each_refresh_restarts_the_idle_time() -> None:
    session, later = a_session(), NOW + timedelta(minutes=59)

    successor = refreshed(session, later)

    assert successor.expires_at == later + LIFETIMES.idle
    assert successor.ends_at == session.ends_at


def test_no_refresh_moves_the_absolute_end() -> None:
    session = a_session()
    late = session.ends_at - timedelta(minutes=10)
    session = a_session(expires_at=late + SECOND, ends_at=session.ends_at)

    successor = refreshed(session, late)

    assert successor.expires_at == successor.ends_at == session.ends_at
    with pytest.raises(TokenRejected):
        refreshed(successor, session.ends_at)


def test_a_session_shorter_than_its_idle_time_ends_at_its_end() -> None:
    brief = Lifetimes(LIFETIMES.access, LIFETIMES.idle, timedelta(minutes=10), GRACE)

    session = Session.start(a_session().id, ada(), TokenId(new_id()), NOW, brief)

    assert session.expires_at == session.ends_at == NOW + timedelta(minutes=10)


def test_a_just_spent_token_gets_the_same_successor_again() -> None:
    session = a_session()
    successor = refreshed(session)

    assert present(successor, session.token_id, NOW) is successor


def test_the_grace_period_ends_at_its_very_moment() -> None:
    session = a_session()
    successor = refreshed(session)

    assert present(successor, session.token_id, NOW + GRACE - MICROSECOND) is successor
    with pytest.raises(RefreshTokenReused):
        present(successor, session.token_id, NOW + GRACE)


def test_repeating_a_refresh_does_not_lengthen_the_grace_period() -> None:
    session = a_session()
    successor = refreshed(session)
    successor = present(successor, session.token_id, NOW + GRACE - SECOND)

    with pytest.raises(RefreshTokenReused):
        present(successor, session.token_id, NOW + GRACE + SECOND)


def test_a_clock_that_is_behind_does_not_make_an_honest_repetition_a_theft() -> None:
    session = a_session()
    successor = refreshed(session)

    assert present(successor, session.token_id, NOW - SECOND) is successor


def test_an_older_token_is_reuse_even_within_the_grace_period() -> None:
    first = a_session()
    third = refreshed(refreshed(first))

    with pytest.raises(RefreshTokenReused):
        present(third, first.token_id, NOW)


def test_a_token_that_never_was_is_reuse() -> None:
    with pytest.raises(RefreshTokenReused):
        present(a_session(), TokenId(new_id()), NOW)


def test_without_a_grace_period_every_repetition_is_reuse() -> None:
    strict = Lifetimes(LIFETIMES.access, LIFETIMES.idle, LIFETIMES.absolute, timedelta())
    session = a_session()
    successor = present(session, session.token_id, NOW, strict)

    with pytest.raises(RefreshTokenReused):
        present(successor, session.token_id, NOW, strict)


@pytest.mark.parametrize("which", ["good", "just spent", "older"])
def test_an_ended_session_rejects_its_tokens_without_reporting_reuse(which: str) -> None:
    first = a_session()
    second = refreshed(first)
    third = refreshed(second)
    token_id = {"good": third.token_id, "just spent": third.spent_id, "older": first.token_id}

    with pytest.raises(TokenRejected) as refused:
        present(third, token_id[which], third.expires_at)

    assert type(refused.value) is TokenRejected


@given(st.lists(st.integers(1, 3599), min_size=1, max_size=40))
def test_no_pace_of_refreshes_outlives_the_absolute_end(pauses: list[int]) -> None:
    lifetimes = Lifetimes(LIFETIMES.access, LIFETIMES.idle, timedelta(hours=8), GRACE)
    session = Session.start(a_session().id, ada(), TokenId(new_id()), NOW, lifetimes)
    now = NOW
    for pause in pauses:
        now += pause * SECOND
        if now >= NOW + lifetimes.absolute:
            with pytest.raises(TokenRejected):
                present(session, session.token_id, now, lifetimes)
        else:
            session = present(session, session.token_id, now, lifetimes)
            assert now < session.expires_at <= session.ends_at == NOW + lifetimes.absolute
