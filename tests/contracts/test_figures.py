"""The conformance tests of figures, on each built-in store, and tests of its technology."""

import asyncio

import pytest
from sqlalchemy import insert

from application.figures.counting import CountEvents
from domain.figures import Count, Gauge, Measurement, Point, Step, hour_of
from doorward.conformance.figures.test_counting import *  # noqa: F403
from doorward.conformance.figures.test_measuring import *  # noqa: F403
from doorward.conformance.support.examples import NOW, an_event
from doorward.conformance.support.opening import open_audit_log, open_figures
from infrastructure.storage.sql.tables import hourly_figures
from tests.conftest import url_for
from tests.contracts.conftest import by_hand

HOUR = hour_of(NOW)
SQL = pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])


@SQL
async def test_processes_that_count_and_record_at_once_count_each_event_once(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    url = url_for(scheme, request)
    async with (
        open_audit_log(url) as log,
        open_audit_log(url) as other_log,
        open_figures(url) as one,
        open_figures(url) as other,
    ):
        counting = [CountEvents(log, one), CountEvents(other_log, other), CountEvents(log, other)]
        recording = [each.record(an_event()) for each in (log, other_log) for _ in range(300)]
        await asyncio.gather(*recording, *(count() for count in counting * 10))
        await counting[0]()

        assert await one.counted_through() == 600
        assert await other.points(HOUR, Step.HOUR) == [Point(Count.LOGINS, HOUR, 600)]


class _CutOff(Exception):
    """Stands for the end of the process."""


@SQL
async def test_a_process_that_ends_between_the_note_and_the_counts_leaves_neither(
    request: pytest.FixtureRequest, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_for(scheme, request)

    async def end(*_: object) -> None:
        raise _CutOff

    async with open_audit_log(url) as log, open_figures(url) as figures:
        await log.record(an_event())
        with monkeypatch.context() as patch:
            patch.setattr("infrastructure.storage.sql.figures._add", end)
            with pytest.raises(_CutOff):
                await CountEvents(log, figures)()
        assert await figures.counted_through() == 0

        await CountEvents(log, figures)()

        assert await figures.points(HOUR, Step.HOUR) == [Point(Count.LOGINS, HOUR, 1)]


@SQL
async def test_figures_of_a_later_release_are_left_to_its_nodes(
    request: pytest.FixtureRequest, scheme: str
) -> None:
    url = url_for(scheme, request)
    async with open_figures(url) as figures:
        await figures.store_measurement(measured := Measurement(HOUR, {Gauge.USERS: 5}))
        hour = int(HOUR.timestamp()) // 3600
        later = {"hour": hour, "name": "of a later release", "value": 1}
        await by_hand(url, insert(hourly_figures).values(later))

        assert await figures.last_measurement() == measured
        assert await figures.points(HOUR, Step.HOUR) == [Point(Gauge.USERS, HOUR, 5)]
        assert await figures.prune(NOW) == 0
