"""Figures of the service by hours: counts of events, and measured quantities.

An hour begins with the hour of UTC, and so does a day. Audit events are counted once, by the
hour in which they happened; a page of figures reads the counts and no event.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from domain.audit.event import EventType
from domain.outcome import Outcome

HOUR = timedelta(hours=1)

KEPT = timedelta(days=400)
"""For how long figures are kept: one can compare a month with the same one of the last year."""


class Count(StrEnum):
    """What is counted, event by event. Stores hold these names: never rename one."""

    LOGINS = "logins"
    REFUSED_LOGINS = "refused_logins"
    """Wrong passwords, codes and passkeys, of accounts that exist or not."""
    LIMITED_LOGINS = "limited_logins"
    """Refused by a rate limit, before anything was compared."""
    REGISTRATIONS = "registrations"
    """New accounts: of people who registered, of invitations and of ``CreateUser``."""
    REFUSED_REGISTRATIONS = "refused_registrations"
    PASSWORD_RESETS = "password_resets"  # noqa: S105 - no password
    """Passwords that a link set: after a request, or the first one after an invitation."""
    REUSED_TOKENS = "reused_tokens"
    """Refresh tokens that were presented a second time: each ended a session."""


class Gauge(StrEnum):
    """What is measured from time to time. Stores hold these names: never rename one."""

    USERS = "users"
    USERS_WITH_SECOND_FACTOR = "users_with_second_factor"
    ACTIVE_SESSIONS = "active_sessions"
    QUEUED_MESSAGES = "queued_messages"


Figure = Count | Gauge

_COUNTED: Mapping[tuple[EventType, Outcome], Count] = {
    (EventType.LOGIN, Outcome.SUCCESS): Count.LOGINS,
    (EventType.LOGIN, Outcome.TOO_MANY_REQUESTS): Count.LIMITED_LOGINS,
    (EventType.REGISTER, Outcome.SUCCESS): Count.REGISTRATIONS,
    (EventType.RESET_PASSWORD, Outcome.SUCCESS): Count.PASSWORD_RESETS,
    (EventType.REFRESH, Outcome.REFRESH_TOKEN_REUSED): Count.REUSED_TOKENS,
}
_REFUSED: Mapping[EventType, Count] = {
    EventType.LOGIN: Count.REFUSED_LOGINS,
    EventType.REGISTER: Count.REFUSED_REGISTRATIONS,
}
_NO_REFUSALS = frozenset(
    {
        Outcome.SUCCESS,
        Outcome.SECOND_FACTOR_REQUIRED,  # the login goes on
        Outcome.SECOND_FACTOR_ENROLMENT_REQUIRED,
        Outcome.UNAVAILABLE,
        Outcome.INTERNAL_ERROR,
        Outcome.UNKNOWN,
    }
)


def count_of(event_type: EventType, outcome: Outcome) -> Count | None:
    """Return as what an event is counted; ``None`` if it is not."""
    refused = None if outcome in _NO_REFUSALS else _REFUSED.get(event_type)
    return _COUNTED.get((event_type, outcome), refused)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many events of each kind a part of the audit log has.

    :ivar through: the number of its last event.
    :ivar events: how many, by the beginning of the hour, the type and the outcome.
    """

    through: int
    events: Mapping[tuple[datetime, EventType, Outcome], int]

    @property
    def size(self) -> int:
        return sum(self.events.values())


HourlyCounts = Mapping[tuple[datetime, Count], int]
"""How many, by the beginning of the hour and what is counted."""


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def counts_of(tally: Tally) -> HourlyCounts:
    """Return what is counted of a part of the audit log."""
    counts = Counter[tuple[datetime, Count]]()
    for (hour, event_type, outcome), number in tally.events.items():
        count = count_of(event_type, outcome)
        if count is not None:
            counts[hour, count] += number
    return counts


class Step(StrEnum):
    """The unit of a chart."""

    HOUR = "hour"
    DAY = "day"

    @property
    def hours(self) -> int:
        return 1 if self is Step.HOUR else 24

    def start(self, at: datetime) -> datetime:
        """Return the beginning of the hour or day."""
        hour = hour_of(at)
        return hour if self is Step.HOUR else hour.replace(hour=0)


class Period(StrEnum):
    """How far back figures are shown, until now."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def step(self) -> Step:
        return Step.HOUR if self is Period.DAY else Step.DAY

    def starts(self, now: datetime) -> Sequence[datetime]:
        """Return the beginnings of its hours or days, the present one last."""
        last, length = self.step.start(now), self.step.hours * HOUR
        number = {Period.DAY: 24, Period.WEEK: 7, Period.MONTH: 30}[self]
        return [last - each * length for each in reversed(range(number))]


@dataclass(frozen=True, slots=True)
class Point:
    """The value of a figure in an hour or a day.

    :ivar at: the beginning.
    :ivar value: the sum of a count, the highest measurement of a gauge.
    """

    figure: Figure
    at: datetime
    value: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """The gauges at one time, as far as they could be measured."""

    at: datetime
    values: Mapping[Gauge, int]


@dataclass(frozen=True, slots=True)
class History:
    """The figures of a period.

    :ivar starts: the beginnings of its hours or days.
    :ivar counts: the numbers of each count, as many as there are beginnings.
    :ivar gauges: likewise the highest measurements; ``None`` where nothing was measured.
    """

    starts: Sequence[datetime]
    counts: Mapping[Count, Sequence[int]]
    gauges: Mapping[Gauge, Sequence[int | None]]

    @classmethod
    def of(cls, starts: Sequence[datetime], points: Iterable[Point]) -> Self:
        values = {(point.figure, point.at): point.value for point in points}
        return cls(
            starts,
            {count: [values.get((count, each), 0) for each in starts] for count in Count},
            {gauge: [values.get((gauge, each)) for each in starts] for gauge in Gauge},
        )

    def total(self, count: Count) -> int:
        """Return the number in the whole period."""
        return sum(self.counts[count])
