"""Events are counted after they have happened."""

from uuid import UUID

import pytest

from application.figures import counting
from application.figures.counting import CountEvents, StoreUnrecordedCounts, UnrecordedCounts
from application.ports import AuditLog, FigureStore
from domain.actor import Operator
from domain.audit.event import Event, EventType
from domain.errors import Unavailable
from domain.figures import HOUR, Count, HourlyCounts, Point, Step, hour_of
from domain.outcome import Outcome
from domain.user import UserId
from doorward.conformance.support.examples import NOW, an_event
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.figures import MemoryFigures

THEN = hour_of(NOW)


async def points(figures: FigureStore) -> set[Point]:
    return set(await figures.points(THEN, Step.HOUR))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_BATCH", 100)


async def record(log: AuditLog, number: int) -> None:
    for _ in range(number):
        await log.record(an_event(at=THEN))


async def test_each_event_is_counted_once() -> None:
    log, figures = MemoryAuditLog(), MemoryFigures()
    count = CountEvents(log, figures)
    await count()
    await record(log, 3)

    await count()
    await count()
    await record(log, 1)
    await count()

    assert await points(figures) == {Point(Count.LOGINS, THEN, 4)}


@pytest.mark.parametrize("events", [99, 100, 101, 370])
async def test_a_long_log_is_counted_in_one_run(events: int) -> None:
    log, figures = MemoryAuditLog(), MemoryFigures()
    await record(log, events)

    await CountEvents(log, figures)()

    assert await points(figures) == {Point(Count.LOGINS, THEN, events)}
    assert await figures.counted_through() == events


async def test_pruned_events_stay_counted() -> None:
    log, figures = MemoryAuditLog(), MemoryFigures()
    await record(log, 3)
    await CountEvents(log, figures)()

    await log.prune(THEN + HOUR)
    await record(log, 2)
    await CountEvents(log, figures)()

    assert await points(figures) == {Point(Count.LOGINS, THEN, 5)}


class _Overtaken(MemoryFigures):
    """Another process counts the events before each call.

    :ivar calls: how many there were.
    """

    calls = 0

    async def count(self, after: int, through: int, counts: HourlyCounts) -> bool:
        self.calls += 1
        await super().count(after, through, counts)
        return await super().count(after, through, counts)


async def test_a_process_leaves_the_rest_to_the_one_that_was_faster() -> None:
    log, figures = MemoryAuditLog(), _Overtaken()
    await record(log, 200)

    await CountEvents(log, figures)()

    assert figures.calls == 1
    assert await points(figures) == {Point(Count.LOGINS, THEN, 100)}


def refused(**changes: object) -> Event:
    """Return a refused login of an account that does not exist."""
    return an_event(outcome=Outcome.INVALID_CREDENTIALS, at=THEN, **changes)


async def test_events_that_the_audit_log_does_not_keep_are_counted_as_well() -> None:
    unrecorded, figures = UnrecordedCounts(), MemoryFigures()
    store = StoreUnrecordedCounts(unrecorded, figures)
    for event in (
        refused(),
        refused(),
        an_event(outcome=Outcome.TOO_MANY_REQUESTS, at=THEN),
        an_event(type=EventType.REGISTER, outcome=Outcome.EMAIL_TAKEN, at=THEN + HOUR),
    ):
        unrecorded.note(event)

    await store()
    unrecorded.note(refused())
    await store()
    await store()

    assert await points(figures) == {
        Point(Count.REFUSED_LOGINS, THEN, 3),
        Point(Count.LIMITED_LOGINS, THEN, 1),
        Point(Count.REFUSED_REGISTRATIONS, THEN + HOUR, 1),
    }
    assert not unrecorded.pending


@pytest.mark.parametrize("actor", [Operator(), UserId(UUID(int=7))])
def test_refusals_of_an_administrator_or_operator_are_no_refused_registrations(
    actor: Operator | UserId,
) -> None:
    unrecorded = UnrecordedCounts()

    for outcome in (Outcome.STEP_UP_REQUIRED, Outcome.INVALID_INPUT, Outcome.EMAIL_TAKEN):
        unrecorded.note(an_event(type=EventType.REGISTER, outcome=outcome, actor=actor))

    assert not unrecorded.pending


def test_events_that_are_found_in_the_audit_log_or_counted_nowhere_are_not_noted() -> None:
    unrecorded = UnrecordedCounts()

    unrecorded.note(an_event())
    unrecorded.note(an_event(type=EventType.REFRESH))
    unrecorded.note(an_event(type=EventType.AUTHENTICATE, outcome=Outcome.INVALID_TOKEN))

    assert not unrecorded.pending


class _Down(MemoryFigures):
    """Does not answer the first call; another event happens meanwhile."""

    def __init__(self, unrecorded: UnrecordedCounts) -> None:
        super().__init__()
        self.unrecorded = unrecorded
        self.is_up = False

    async def add(self, counts: HourlyCounts) -> None:
        self.unrecorded.note(refused())
        if not self.is_up:
            self.is_up = True
            raise Unavailable("figures")
        await super().add(counts)


async def test_counts_that_cannot_be_stored_are_kept_with_those_that_come_meanwhile() -> None:
    unrecorded = UnrecordedCounts()
    figures = _Down(unrecorded)
    store = StoreUnrecordedCounts(unrecorded, figures)
    unrecorded.note(refused())
    with pytest.raises(Unavailable):
        await store()

    await store()

    assert await points(figures) == {Point(Count.REFUSED_LOGINS, THEN, 2)}
    assert unrecorded.pending == {(THEN, Count.REFUSED_LOGINS): 1}
