"""The jobs of the figures, as a server process runs them."""

from collections.abc import AsyncIterator

import pytest
from dishka import AsyncContainer

from application.audit import Audit
from application.ports import CHANGED, Effects, FigureStore
from domain.figures import HOUR, Count, Gauge, Step, hour_of
from domain.outcome import Outcome
from domain.token import TokenKind
from doorward.conformance.support.examples import an_event
from doorward.jobs.scheduler import Job
from doorward.wiring.container import make_container
from infrastructure.clock import system_clock
from infrastructure.config.settings import Settings
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import in_environment


@pytest.fixture
async def container(keys: dict[TokenKind, SigningKey]) -> AsyncIterator[AsyncContainer]:
    settings = Settings.read({"DATABASE_URL": "memory:", **in_environment(keys)})
    container = make_container(settings)
    yield container
    await container.close()


async def test_every_process_counts_its_refusals_and_what_the_audit_log_has(
    container: AsyncContainer,
) -> None:
    audit, figures = await container.get(Audit), await container.get(FigureStore)
    jobs = {job.name: job for job in await container.get(list[Job])}
    now = system_clock()
    for outcome in (Outcome.SUCCESS, Outcome.INVALID_CREDENTIALS):  # of an unknown account
        event = an_event(at=now, outcome=outcome)
        await audit.settle(Effects((event,)), CHANGED)

    for name in ("event_counting", "unrecorded_counts_flush", "figure_measurement"):
        await jobs[name].run()

    points = await figures.points(hour_of(now) - HOUR, Step.HOUR)
    assert {each.figure: each.value for each in points} == {
        Count.LOGINS: 1,
        Count.REFUSED_LOGINS: 1,
        Gauge.USERS: 0,
        Gauge.USERS_WITH_SECOND_FACTOR: 0,
        Gauge.ACTIVE_SESSIONS: 0,
        Gauge.QUEUED_MESSAGES: 0,
    }


async def test_a_process_that_ends_stores_its_counts_and_begins_no_long_work(
    container: AsyncContainer,
) -> None:
    jobs = {job.name: job for job in await container.get(list[Job])}

    assert jobs["unrecorded_counts_flush"].runs_at_shutdown
    assert jobs["event_counting"].is_cancelled_at_shutdown
    assert not jobs["event_counting"].runs_at_shutdown
