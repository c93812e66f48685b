"""The rules of sessions and refresh tokens."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authentication import Method
from domain.errors import RefreshTokenReused, TokenRejected
from domain.request_context import UNKNOWN, RequestContext
from domain.session import (
    STEP_UP_LIFETIME,
    STRIKE,
    Lifetimes,
    Session,
    SessionId,
    SessionsPerUser,
    TokenId,
    Transport,
    excess_sessions,
    is_session_id,
    successor_of,
)
from domain.token import TokenKind
from tests.support.builders import (
    LIFETIMES,
    MICROSECOND,
    NOW,
    SECOND,
    a_session,
    a_user,
    claims_of,
    new_id,
    refreshed,
)

GRACE = LIFETIMES.grace
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)

BY_TRANSPORT = replace(LIFETIMES, bearer_idle=40 * DAY, bearer_absolute=90 * DAY)


HERE = RequestContext("192.0.2.1", agent="Firefox")
PHONE = RequestContext("198.51.100.7", agent="Firefox")
THIEF = RequestContext("203.0.113.9", agent="curl")
THIEF_WITH_THE_AGENT = replace(THIEF, agent="Firefox")


def present(
    session: Session,
    token_id: TokenId | None,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
    caller: RequestContext = UNKNOWN,
) -> Session:
    assert token_id is not None
    return session.refresh(token_id, caller, now, lifetimes)


def rotated(session: Session, now: datetime, caller: RequestContext = HERE) -> Session:
    return session.refresh(session.token_id, caller, now, LIFETIMES)


def with_device(caller: RequestContext, device: str = "owner's") -> RequestContext:
    return replace(caller, device_token=device)


def test_a_new_session_lasts_for_the_idle_time() -> None:
    session = a_session()

    assert session.spent_id is None
    assert session.started_at == session.rotated_at == NOW
    assert session.expires_at == NOW + LIFETIMES.idle
    assert session.ends_at == NOW + LIFETIMES.absolute


def test_a_session_is_good_for_an_enabled_user_of_its_generation() -> None:
    user = a_user(generation=7)
    session = Session.start(SessionId(new_id()), user, TokenId(new_id()), NOW, LIFETIMES)

    assert session.generation == 7
    assert session.is_good_for(user) is True
    assert session.is_good_for(replace(user, disabled=True)) is False
    assert session.is_good_for(replace(user, generation=8)) is False
    assert session.is_good_for(replace(user, disabled=True, generation=8)) is False


def test_a_session_id_is_32_small_hexadecimal_digits() -> None:
    assert is_session_id("0123456789abcdef" * 2) is True
    for text in ("", "0" * 31, "0" * 33, "0123456789ABCDEF" * 2, "0" * 32 + "\n"):
        assert is_session_id(text) is False


def test_the_excess_sessions_are_the_oldest_ones() -> None:
    ids = [SessionId(f"{number}" * 32) for number in (3, 1, 2, 4)]
    times = [NOW, NOW + SECOND, NOW + SECOND, NOW + 2 * SECOND]
    sessions = [a_session(id=id_, started_at=at) for id_, at in zip(ids, times, strict=True)]

    assert excess_sessions(sessions[::-1], SessionsPerUser(1)) == sessions[:3]
    assert excess_sessions(sessions[::-1], SessionsPerUser(2)) == sessions[:2]
    assert excess_sessions(sessions, SessionsPerUser(4)) == []
    assert excess_sessions(sessions, SessionsPerUser(5)) == []


def test_the_successor_of_a_token_id_is_a_digest_of_the_same_length() -> None:
    successor = successor_of(TokenId("0" * 32))

    assert successor == "c2f0eadaa708931c80d2de0e73625bb0"


def test_a_session_has_ended_from_the_very_moment_that_it_expires() -> None:
    session = a_session()

    assert not session.has_ended(session.expires_at - MICROSECOND)
    assert session.has_ended(session.expires_at)


def test_a_refresh_spends_the_token_and_makes_its_successor() -> None:
    session, later = a_session(), NOW + timedelta(minutes=5)

    successor = rotated(session, later)

    assert successor.token_id == successor_of(session.token_id)
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

    session = Session.start(a_session().id, a_user(), TokenId(new_id()), NOW, brief)

    assert session.expires_at == session.ends_at == NOW + timedelta(minutes=10)


def started(transport: Transport, lifetimes: Lifetimes) -> Session:
    return Session.start(a_session().id, a_user(), TokenId(new_id()), NOW, lifetimes, transport)


@pytest.mark.parametrize(
    ("transport", "idle", "absolute"),
    [
        (Transport.COOKIE, LIFETIMES.idle, LIFETIMES.absolute),
        (Transport.BEARER, 40 * DAY, 90 * DAY),
    ],
)
def test_the_transport_of_the_login_decides_how_long_a_session_lives(
    transport: Transport, idle: timedelta, absolute: timedelta
) -> None:
    session, later = started(transport, BY_TRANSPORT), NOW + timedelta(minutes=59)

    successor = present(session, session.token_id, later, BY_TRANSPORT)

    assert (session.expires_at, session.ends_at) == (NOW + idle, NOW + absolute)
    assert (successor.expires_at, successor.ends_at) == (later + idle, NOW + absolute)
    assert session.transport is successor.transport is transport
    issued_at = int(NOW.timestamp())
    seen = successor.as_of(issued_at, BY_TRANSPORT)
    assert seen.expires_at == NOW.replace(microsecond=0) + idle


def test_a_bearer_session_ends_at_its_absolute_end() -> None:
    session = started(Transport.BEARER, replace(BY_TRANSPORT, bearer_absolute=50 * DAY))

    successor = present(session, session.token_id, NOW + 39 * DAY, BY_TRANSPORT)

    assert successor.expires_at == successor.ends_at == NOW + 50 * DAY


@pytest.mark.parametrize("transport", Transport)
def test_the_transport_changes_no_lifetime_unless_one_is_set_for_it(transport: Transport) -> None:
    session = started(transport, LIFETIMES)

    assert session.expires_at == NOW + LIFETIMES.idle
    assert session.ends_at == NOW + LIFETIMES.absolute


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


@pytest.mark.parametrize("rotations", [1, 2, 3, 4])
def test_any_ancestor_that_was_spent_within_the_grace_period_gets_the_valid_token(
    rotations: int,
) -> None:
    first = session = a_session()
    for number in range(rotations):
        session = refreshed(session, NOW + timedelta(minutes=5) + number * SECOND)
    spent_at = NOW + timedelta(minutes=5)

    assert present(session, first.token_id, spent_at + GRACE - 5 * MILLISECOND) is session
    with pytest.raises(RefreshTokenReused):
        present(session, first.token_id, spent_at + GRACE)


def test_an_ancestor_that_was_spent_earlier_is_reuse_though_its_successor_was_just_spent() -> None:
    first = a_session()
    second = refreshed(first, NOW + SECOND)
    third = refreshed(second, NOW + SECOND + GRACE)

    assert present(third, second.token_id, third.rotated_at) is third
    with pytest.raises(RefreshTokenReused):
        present(third, first.token_id, third.rotated_at)


def test_an_ancestor_of_five_rotations_ago_is_reuse() -> None:
    first = session = a_session()
    for _ in range(5):
        session = refreshed(session)

    with pytest.raises(RefreshTokenReused):
        present(session, first.token_id, NOW)


def test_a_repetition_after_a_rotation_by_the_release_before_gets_the_valid_token() -> None:
    session = a_session(token_id=TokenId(new_id()), spent_id=TokenId(new_id()))

    assert present(session, session.spent_id, NOW, caller=HERE) is session
    with pytest.raises(RefreshTokenReused):
        present(session, session.spent_id, NOW + GRACE, caller=HERE)


def test_a_rotation_by_the_release_before_leaves_records_of_earlier_ones_harmless() -> None:
    """Its nodes do not know the column, so it is of an earlier rotation."""
    first = a_session()
    session = rotated(rotated(first, NOW), NOW)
    session = replace(session, token_id=TokenId(new_id()), spent_id=session.token_id)

    assert present(session, session.spent_id, NOW, caller=HERE) is session
    with pytest.raises(RefreshTokenReused):
        present(session, session.spent_id, NOW, caller=THIEF)
    with pytest.raises(RefreshTokenReused):
        present(session, first.token_id, NOW, caller=HERE)


@pytest.mark.parametrize("ancestor", [1, 2])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (HERE, HERE),
        (with_device(HERE), with_device(HERE)),
        (with_device(HERE), with_device(replace(HERE, agent="a server for the same browser"))),
        (HERE, replace(HERE, address="192.0.2.200")),
        (replace(HERE, address="2001:db8:1:2::3"), replace(HERE, address="2001:db8:1:9::7")),
    ],
)
def test_a_repetition_by_the_same_client_changes_nothing(
    first: RequestContext, second: RequestContext, ancestor: int
) -> None:
    spent = a_session()
    session = spent
    for _ in range(ancestor):
        session = rotated(session, NOW, first)

    for _ in range(50):
        assert present(session, spent.token_id, NOW, caller=second) is session


@pytest.mark.parametrize("ancestor", [1, 2])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (HERE, THIEF),
        (with_device(HERE), THIEF),
        (with_device(HERE), HERE),  # all but the device token
        (with_device(HERE), with_device(HERE, "another")),
        (THIEF, HERE),  # the thief was first
    ],
)
def test_a_spent_token_that_another_client_presents_is_reuse_within_the_grace_period(
    first: RequestContext, second: RequestContext, ancestor: int
) -> None:
    spent = a_session()
    session = spent
    for _ in range(ancestor):
        session = rotated(session, NOW, first)

    with pytest.raises(RefreshTokenReused):
        present(session, spent.token_id, NOW, caller=second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (HERE, PHONE),
        (with_device(HERE), with_device(PHONE)),
        (HERE, replace(HERE, agent="an extension of the app")),
    ],
)
def test_a_repetition_from_elsewhere_gets_the_same_tokens_and_is_a_strike(
    first: RequestContext, second: RequestContext
) -> None:
    session = rotated(a_session(), NOW, first)

    repeated = present(session, session.spent_id, NOW, caller=second)

    assert repeated.strikes == STRIKE
    for kind in TokenKind:
        assert claims_of(repeated, kind) == claims_of(session, kind)
    again = present(repeated, session.spent_id, NOW, caller=second)
    assert again is repeated  # the next retry is from the same place


def test_a_strike_notes_the_new_place_of_the_client() -> None:
    session = rotated(a_session(), NOW, HERE)
    session = present(session, session.spent_id, NOW, caller=PHONE)

    session = present(session, session.spent_id, NOW, caller=HERE)

    assert session.strikes == 2 * STRIKE
    with pytest.raises(RefreshTokenReused):
        present(session, session.spent_id, NOW, caller=THIEF)


def test_a_thief_who_follows_each_rotation_ends_the_session() -> None:
    owner, thief = with_device(HERE), with_device(THIEF_WITH_THE_AGENT)
    session, now = a_session(), NOW
    for _ in range(4):
        now += timedelta(minutes=15)
        session = rotated(session, now, owner)
        session = present(session, session.spent_id, now, caller=thief)
    session = rotated(session, now + timedelta(minutes=15), owner)

    with pytest.raises(RefreshTokenReused):
        present(session, session.spent_id, session.rotated_at, caller=thief)


def test_a_phone_that_moves_at_each_third_rotation_stays_logged_in() -> None:
    session, now = a_session(), NOW

    for number in range(60):
        now += timedelta(minutes=15)
        session = rotated(session, now, HERE)
        if number % 3 == 0:
            session = present(session, session.spent_id, now, caller=PHONE)


def test_rotations_within_the_grace_period_take_no_strike_away() -> None:
    session = rotated(a_session(), NOW)
    session = present(session, session.spent_id, NOW, caller=PHONE)

    session = rotated(session, NOW + GRACE - SECOND)
    assert session.strikes == STRIKE

    session = rotated(session, NOW + 2 * GRACE)
    assert session.strikes == STRIKE - 1


def test_a_rotation_at_the_end_of_the_grace_period_takes_a_strike_away() -> None:
    session = rotated(a_session(), NOW)
    session = present(session, session.spent_id, NOW, caller=PHONE)

    assert rotated(session, NOW + GRACE).strikes == STRIKE - 1


def intervals(*times: timedelta, grace: timedelta = GRACE) -> tuple[int, ...]:
    """Return what a session records after rotations at these times after the login."""
    session, lifetimes = a_session(), replace(LIFETIMES, grace=grace)
    for time in times:
        session = present(session, session.token_id, NOW + time, lifetimes)
    return session.intervals


def test_the_times_between_rotations_are_recorded_for_the_grace_period() -> None:
    half = GRACE / 2

    assert intervals(timedelta()) == (1,)  # rounded up: no interval is zero
    assert intervals(MICROSECOND) == (1,)
    assert intervals(MILLISECOND, 3 * MILLISECOND) == (2, 1)
    assert intervals(GRACE - MILLISECOND) == (9999,)
    assert intervals(GRACE) == ()
    assert intervals(SECOND, GRACE) == (9000,)
    assert intervals(SECOND, half, half + SECOND) == (1000, 4000, 1000)
    assert intervals(SECOND, half, GRACE) == (5000, 4000)
    assert intervals(*(SECOND for _ in range(5))) == (1, 1, 1)


def test_an_interval_of_more_than_16_bits_is_not_recorded() -> None:
    longest = 0xFFFF * MILLISECOND

    assert intervals(longest, grace=timedelta(minutes=5)) == (0xFFFF,)
    assert intervals(longest + MILLISECOND, grace=timedelta(minutes=5)) == ()


def test_a_spent_token_that_was_not_stored_is_known_for_the_whole_grace_period() -> None:
    first = a_session()
    session = replace(refreshed(first), spent_id=None)

    assert present(session, first.token_id, NOW + GRACE - MICROSECOND) is session
    with pytest.raises(RefreshTokenReused):
        present(session, first.token_id, NOW + GRACE)


@pytest.mark.parametrize("remaining", [LIFETIMES.absolute, LIFETIMES.idle])
def test_a_session_as_of_a_token_shows_no_later_rotation(remaining: timedelta) -> None:
    session = replace(a_session(), ends_at=NOW + remaining)
    issued_at = int(session.rotated_at.timestamp())

    seen = {
        rotated(session, NOW + timedelta(minutes=age)).as_of(issued_at, LIFETIMES)
        for age in (1, 2)
    }

    assert len({(each.rotated_at, each.expires_at) for each in seen}) == 1


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
    session = Session.start(a_session().id, a_user(), TokenId(new_id()), NOW, lifetimes)
    now = NOW
    for pause in pauses:
        now += pause * SECOND
        if now >= NOW + lifetimes.absolute:
            with pytest.raises(TokenRejected):
                present(session, session.token_id, now, lifetimes)
        else:
            session = present(session, session.token_id, now, lifetimes)
            assert now < session.expires_at <= session.ends_at == NOW + lifetimes.absolute


def test_a_session_that_began_with_a_step_up_is_good_for_sensitive_steps_for_ten_minutes() -> None:
    login, session = a_session(), a_session().stepped_up()

    assert (login.stepped_up_at, session.stepped_up_at) == (None, session.authenticated_at)
    assert not login.allows_sensitive_steps(NOW)
    assert session.allows_sensitive_steps(NOW + STEP_UP_LIFETIME - MICROSECOND)
    assert not session.allows_sensitive_steps(NOW + STEP_UP_LIFETIME)


def test_a_refresh_changes_neither_methods_nor_times_of_the_authentication() -> None:
    for methods in (frozenset({Method.PASSWORD}), frozenset({Method.PASSWORD, Method.TOTP})):
        session = replace(a_session(methods=methods), is_stepped_up=True)

        later = refreshed(session, NOW + timedelta(minutes=20))

        assert later.methods == methods
        assert later.level == session.level
        assert later.authenticated_at == session.authenticated_at
        assert not later.allows_sensitive_steps(NOW + timedelta(minutes=20))


def test_a_page_repeats_a_late_refresh_for_the_same_device_in_the_same_network() -> None:
    spent = a_session()
    session = rotated(spent, NOW, with_device(HERE))
    late = NOW + timedelta(minutes=50)

    for _ in range(3):
        again = session.refresh(spent.token_id, with_device(HERE), late, LIFETIMES, is_page=True)
        assert again is session
    with pytest.raises(RefreshTokenReused):
        present(session, spent.token_id, late, caller=with_device(HERE))


@pytest.mark.parametrize(
    ("rotated_by", "presented_by"),
    [
        (with_device(HERE), HERE),
        (with_device(HERE), with_device(HERE, "thief's")),
        (with_device(HERE), with_device(PHONE)),  # a stolen jar of cookies, used elsewhere
        (with_device(THIEF), with_device(HERE)),  # the same, and the thief was first
        (HERE, HERE),  # no device: a program
    ],
)
def test_a_page_repeats_no_late_refresh_for_another_client(
    rotated_by: RequestContext, presented_by: RequestContext
) -> None:
    spent = a_session()
    session = rotated(spent, NOW, rotated_by)

    with pytest.raises(RefreshTokenReused):
        session.refresh(spent.token_id, presented_by, NOW + GRACE, LIFETIMES, is_page=True)


def test_a_page_repeats_no_refresh_of_two_rotations_ago() -> None:
    spent = a_session()
    session = rotated(rotated(spent, NOW, with_device(HERE)), NOW + GRACE, with_device(HERE))

    with pytest.raises(RefreshTokenReused):
        session.refresh(spent.token_id, with_device(HERE), NOW + GRACE, LIFETIMES, is_page=True)
