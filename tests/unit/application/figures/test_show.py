"""The overview of a period."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from application.figures.show import CurrentKey, ShowFigures
from application.ports import NO_EFFECTS, HealthCheck, OutboxStatus
from application.readiness import CheckReadiness
from domain.actor import Operator, Principal
from domain.errors import PermissionMissing, Unavailable
from domain.figures import HOUR, Count, Gauge, Measurement, Period
from domain.key_ring import UNKNOWN_START, Key, KeyId, KeyRing, KeyTimes
from domain.permissions import Role
from domain.token import TokenKind
from doorward.conformance.support.examples import NOW, a_message, a_session, a_user
from infrastructure.storage.memory.figures import MemoryFigures
from infrastructure.storage.memory.outbox import MemoryOutbox
from tests.support.doubles import SettableClock
from tests.support.key_commands import MemoryKeys

DAY = timedelta(days=1)
TIMES = KeyTimes(timedelta(minutes=5), dict.fromkeys(TokenKind, HOUR), 30 * DAY)


@pytest.fixture
def show() -> ShowFigures:
    return ShowFigures(
        MemoryFigures(),
        MemoryOutbox(),
        MemoryKeys(),
        TIMES,
        CheckReadiness({}),
        SettableClock(NOW),
    )


async def test_an_overview_has_the_figures_of_its_period(show: ShowFigures) -> None:
    for period in Period:
        first = period.starts(NOW)[0]
        await show.figures.add({(first, Count.LOGINS): 3, (first - HOUR, Count.LOGINS): 100})
    measured = Measurement(NOW, {Gauge.USERS: 5})
    await show.figures.store_measurement(measured)
    await show.outbox.add(NO_EFFECTS.with_messages(message := a_message()))

    day = await show(Operator(), Period.DAY)

    assert (day.at, day.period, day.measured) == (NOW, Period.DAY, measured)
    assert day.history.starts == Period.DAY.starts(NOW)
    assert day.history.counts[Count.LOGINS] == [3, *[0] * 23]
    assert day.history.gauges[Gauge.USERS] == [*[None] * 23, 5]
    assert day.mail == OutboxStatus(1, message.created_at)
    month = await show(Operator(), Period.MONTH)
    assert month.history.total(Count.LOGINS) == 3 * 3 + 2 * 100  # of the shorter ones, too


async def test_the_state_of_each_dependency_is_shown(show: ShowFigures) -> None:
    async def works() -> None:
        """Works."""

    async def fails() -> None:
        raise Unavailable("sessions")

    checks: Mapping[str, HealthCheck] = {"users": works, "sessions": fails}

    overview = await replace(show, check_readiness=CheckReadiness(checks))(Operator(), Period.WEEK)

    assert {name: type(error) for name, error in overview.errors.items()} == {
        "users": type(None),
        "sessions": Unavailable,
    }


async def test_each_current_key_has_its_start_and_the_next_rotation(show: ShowFigures) -> None:
    ring = KeyRing()
    for kind, since in ((TokenKind.ACCESS, NOW - 3 * DAY), (TokenKind.REFRESH, UNKNOWN_START)):
        ring = ring.plus(Key(KeyId(kind), kind, since, since))
    show = replace(show, keys=MemoryKeys(ring))

    assert (await show(Operator(), Period.DAY)).keys == [
        CurrentKey(TokenKind.ACCESS, NOW - 3 * DAY, NOW + 27 * DAY),
        CurrentKey(TokenKind.REFRESH, None, None),
    ]


async def test_a_planned_rotation_comes_before_the_calendar(show: ShowFigures) -> None:
    current = Key(KeyId("current"), TokenKind.ACCESS, NOW, NOW)
    following = Key(KeyId("next"), TokenKind.ACCESS, NOW, NOW + HOUR)
    ring = KeyRing(frozenset({current, following}))

    for times in (TIMES, replace(TIMES, rotation=None)):
        shown = replace(show, keys=MemoryKeys(ring), times=times)
        assert (await shown(Operator(), Period.DAY)).keys == [
            CurrentKey(TokenKind.ACCESS, NOW, NOW + HOUR)
        ]


async def test_without_a_calendar_no_rotation_is_due(show: ShowFigures) -> None:
    ring = KeyRing(frozenset({Key(KeyId("current"), TokenKind.ACCESS, NOW, NOW)}))
    show = replace(show, keys=MemoryKeys(ring), times=replace(TIMES, rotation=None))

    assert (await show(Operator(), Period.DAY)).keys == [CurrentKey(TokenKind.ACCESS, NOW, None)]


@pytest.mark.parametrize(
    ("role", "may"), [(Role.USER, False), (Role.AUDITOR, True), (Role.ADMIN, True)]
)
async def test_administrators_and_auditors_see_the_figures(
    show: ShowFigures, role: Role, may: bool
) -> None:
    principal = Principal(a_user(role=role), a_session())
    if may:
        await show(principal, Period.DAY)
        return
    with pytest.raises(PermissionMissing):
        await show(principal, Period.DAY)
