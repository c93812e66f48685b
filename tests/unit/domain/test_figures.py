"""Figures by hours and days."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.audit.event import EventType
from domain.figures import (
    Count,
    Gauge,
    History,
    Period,
    Point,
    Step,
    Tally,
    count_of,
    counts_of,
    hour_of,
)
from domain.outcome import Outcome

THEN = datetime(2026, 11, 29, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("event_type", "outcome", "count"),
    [
        (EventType.LOGIN, Outcome.SUCCESS, Count.LOGINS),
        (EventType.LOGIN, Outcome.INVALID_CREDENTIALS, Count.REFUSED_LOGINS),
        (EventType.LOGIN, Outcome.SECOND_FACTOR_INVALID, Count.REFUSED_LOGINS),
        (EventType.LOGIN, Outcome.PASSKEY_INVALID, Count.REFUSED_LOGINS),
        (EventType.LOGIN, Outcome.EMAIL_UNVERIFIED, Count.REFUSED_LOGINS),
        (EventType.LOGIN, Outcome.TOO_MANY_REQUESTS, Count.LIMITED_LOGINS),
        (EventType.LOGIN, Outcome.SECOND_FACTOR_REQUIRED, None),
        (EventType.LOGIN, Outcome.SECOND_FACTOR_ENROLMENT_REQUIRED, None),
        (EventType.LOGIN, Outcome.UNAVAILABLE, None),
        (EventType.LOGIN, Outcome.INTERNAL_ERROR, None),
        (EventType.LOGIN, Outcome.UNKNOWN, None),
        (EventType.REGISTER, Outcome.SUCCESS, Count.REGISTRATIONS),
        (EventType.REGISTER, Outcome.EMAIL_TAKEN, Count.REFUSED_REGISTRATIONS),
        (EventType.REGISTER, Outcome.TOO_MANY_REQUESTS, Count.REFUSED_REGISTRATIONS),
        (EventType.RESET_PASSWORD, Outcome.SUCCESS, Count.PASSWORD_RESETS),
        (EventType.RESET_PASSWORD, Outcome.ONE_TIME_TOKEN_INVALID, None),
        (EventType.REFRESH, Outcome.REFRESH_TOKEN_REUSED, Count.REUSED_TOKENS),
        (EventType.REFRESH, Outcome.SUCCESS, None),
        (EventType.REFRESH, Outcome.INVALID_TOKEN, None),
        (EventType.CHANGE_USER, Outcome.SUCCESS, None),
        (EventType.UNKNOWN, Outcome.SUCCESS, None),
    ],
)
def test_an_event_is_counted_by_its_type_and_outcome(
    event_type: EventType, outcome: Outcome, count: Count | None
) -> None:
    assert count_of(event_type, outcome) is count


def test_an_hour_is_one_of_utc() -> None:
    in_nepal = timezone(timedelta(hours=5, minutes=45))

    assert hour_of(datetime(2026, 11, 29, 14, 15, 59, 7, tzinfo=in_nepal)) == THEN


def test_events_are_counted_by_hours() -> None:
    tally = Tally(
        9,
        {
            (THEN, EventType.LOGIN, Outcome.SUCCESS): 2,
            (THEN + HOUR, EventType.LOGIN, Outcome.SUCCESS): 1,
            (THEN, EventType.LOGIN, Outcome.INVALID_CREDENTIALS): 3,
            (THEN, EventType.LOGIN, Outcome.PASSKEY_INVALID): 1,
            (THEN, EventType.LOGOUT, Outcome.SUCCESS): 1,
        },
    )

    assert counts_of(tally) == {
        (THEN, Count.LOGINS): 2,
        (THEN + HOUR, Count.LOGINS): 1,
        (THEN, Count.REFUSED_LOGINS): 4,
    }
    assert tally.size == 8


def test_a_day_is_shown_by_hours_and_ends_with_the_present_one() -> None:
    starts = Period.DAY.starts(THEN + timedelta(minutes=59))

    assert Period.DAY.step is Step.HOUR
    assert len(starts) == 24
    assert (starts[0], starts[1], starts[-1]) == (THEN - 23 * HOUR, THEN - 22 * HOUR, THEN)


@pytest.mark.parametrize(("period", "days"), [(Period.WEEK, 7), (Period.MONTH, 30)])
def test_longer_periods_are_shown_by_days_and_end_with_the_present_one(
    period: Period, days: int
) -> None:
    starts = period.starts(THEN)
    today = THEN.replace(hour=0)

    assert period.step is Step.DAY
    assert starts == [today - each * DAY for each in range(days - 1, -1, -1)]


def test_a_history_has_no_count_where_nothing_happened_and_no_gauge_where_none_was_measured() -> (
    None
):
    starts = [THEN, THEN + HOUR, THEN + 2 * HOUR]
    points = [
        Point(Count.LOGINS, THEN, 3),
        Point(Count.LOGINS, THEN + 2 * HOUR, 4),
        Point(Count.LOGINS, THEN - HOUR, 99),  # of an earlier hour
        Point(Gauge.USERS, THEN + HOUR, 5),
    ]

    history = History.of(starts, points)

    assert history.starts == starts
    assert history.counts[Count.LOGINS] == [3, 0, 4]
    assert history.counts[Count.REGISTRATIONS] == [0, 0, 0]
    assert history.gauges[Gauge.USERS] == [None, 5, None]
    assert history.total(Count.LOGINS) == 7
    assert set(history.counts) == set(Count)
    assert set(history.gauges) == set(Gauge)
