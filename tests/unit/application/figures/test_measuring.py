"""Of all processes, one measures every five minutes."""

from dataclasses import replace

import pytest

from application.figures.measuring import INTERVAL, MeasureFigures
from application.ports import NO_EFFECTS, SessionStore
from domain.email import Email
from domain.figures import HOUR, KEPT, Count, Gauge, Measurement, Step, hour_of
from doorward.conformance.support.examples import NOW, SECOND, a_message, a_session, a_user
from infrastructure.storage.memory.figures import MemoryFigures
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.doubles import SettableClock


@pytest.fixture
def measure() -> MeasureFigures:
    return MeasureFigures(
        MemoryUsers(), MemorySessions(), MemoryOutbox(), MemoryFigures(), SettableClock(NOW)
    )


async def test_users_sessions_and_messages_are_measured(measure: MeasureFigures) -> None:
    eve = a_user(email=Email.parse("eve@example.org"), has_second_factor=True)
    await measure.users.add_all([a_user(), eve])
    for session in (a_session(), a_session(), a_session(expires_at=NOW - SECOND)):
        await measure.sessions.add(session)
    await measure.outbox.add(NO_EFFECTS.with_messages(a_message()))

    await measure()

    assert await measure.figures.last_measurement() == Measurement(
        NOW,
        {
            Gauge.USERS: 2,
            Gauge.USERS_WITH_SECOND_FACTOR: 1,
            Gauge.ACTIVE_SESSIONS: 2,
            Gauge.QUEUED_MESSAGES: 1,
        },
    )


async def test_a_process_measures_only_when_none_has_measured_for_five_minutes(
    measure: MeasureFigures,
) -> None:
    clock = SettableClock(NOW)
    measure = replace(measure, clock=clock)
    measured_at = []
    for _ in range(11):
        await measure()
        last = await measure.figures.last_measurement()
        assert last is not None
        measured_at.append(last.at)
        clock.advance(INTERVAL / 5)

    assert sorted(set(measured_at)) == [NOW, NOW + INTERVAL, NOW + 2 * INTERVAL]


class _Uncountable(MemorySessions):
    """Cannot tell how many sessions it has: the port's own answer."""

    count = SessionStore.count


async def test_sessions_of_a_store_that_cannot_count_have_no_measurement(
    measure: MeasureFigures,
) -> None:
    await replace(measure, sessions=_Uncountable())()

    last = await measure.figures.last_measurement()
    assert last is not None
    assert set(last.values) == set(Gauge) - {Gauge.ACTIVE_SESSIONS}


async def test_figures_that_are_too_old_are_deleted(measure: MeasureFigures) -> None:
    oldest = hour_of(NOW - KEPT)
    await measure.figures.add({(oldest - HOUR, Count.LOGINS): 1, (oldest, Count.LOGINS): 1})

    await measure()

    kept = await measure.figures.points(oldest - HOUR, Step.HOUR)
    assert {each.at for each in kept if each.figure is Count.LOGINS} == {oldest}
