"""Readiness: all dependencies are checked concurrently."""

import asyncio

from application.readiness import CheckReadiness
from domain.errors import Unavailable


async def succeed() -> None:
    pass


async def test_readiness_is_the_error_of_each_dependency_by_its_name() -> None:
    outage, fault = Unavailable("sessions"), RuntimeError("a fault")

    async def be_down() -> None:
        raise outage

    async def be_broken() -> None:
        raise fault

    check = CheckReadiness({"users": succeed, "sessions": be_down, "keys": be_broken})

    assert await check() == {"users": None, "sessions": outage, "keys": fault}


async def test_dependencies_are_checked_at_the_same_time() -> None:
    """A store that is silent until its time-out must not add to the time-out of another."""
    both_have_begun = asyncio.Barrier(2)

    async def wait_for_the_other() -> None:
        await both_have_begun.wait()

    check = CheckReadiness({"users": wait_for_the_other, "sessions": wait_for_the_other})

    async with asyncio.timeout(10):
        assert await check() == {"users": None, "sessions": None}
