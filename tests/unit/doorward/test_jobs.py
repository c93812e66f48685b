"""The jobs of a server process, each on a clock that the test sets."""

import asyncio
from pathlib import Path

import pytest

from application.authenticate import Principal
from domain.audit_event import RequestContext
from doorward.jobs.flush_session_activity import flush_session_activity
from doorward.main import make_app
from infrastructure.config.settings import Settings
from tests.support.builders import SECOND, World
from tests.support.jobs import JobTime

THERE = RequestContext("198.51.100.7")


@pytest.fixture
def time(house: World) -> JobTime:
    return JobTime(house.clock)


async def last_address(house: World, me: Principal) -> str:
    return (await house.sessions.activity_of(me.user.id))[me.session.id].address


async def test_session_activity_is_stored_within_five_seconds(
    house: World, me: Principal, time: JobTime
) -> None:
    house.clock.advance(60 * SECOND)
    async with time.running(flush_session_activity(house.flush_activity)):
        house.record_activity.record(me.session, THERE)
        await time.elapse(5 * SECOND)

        assert await last_address(house, me) == THERE.address


async def test_session_activity_is_stored_at_shutdown(
    house: World, me: Principal, time: JobTime
) -> None:
    house.clock.advance(60 * SECOND)
    async with time.running(flush_session_activity(house.flush_activity)):
        house.record_activity.record(me.session, THERE)

    assert await last_address(house, me) == THERE.address


def running_jobs() -> set[str]:
    names = (task.get_name() for task in asyncio.all_tasks())
    return {name.removeprefix("job ") for name in names if name.startswith("job ")}


async def test_the_application_runs_its_jobs_while_it_serves(tmp_path: Path) -> None:
    app = make_app(Settings.read({"USERS_URL": "memory:", "DOORWARD_DATA": str(tmp_path)}))

    async with app.lifespan():
        assert running_jobs() == {"session_activity_flush"}

    assert running_jobs() == set()
