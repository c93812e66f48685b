"""Flows and codes that were not used are deleted."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from domain.social_login.flow import Code, Flow, Intent, digest_of
from domain.social_login.identity import ProviderAccount, ProviderName
from infrastructure.storage.memory.social_login.flows import MemoryFlows
from tests.support.world import World

PROVIDER = ProviderName("example")


@pytest.fixture
def flow(world: World) -> Flow:
    return Flow(digest_of("a state"), PROVIDER, Intent.LOGIN, "", "/", world.clock())


@pytest.fixture
def code(world: World) -> Code:
    account = ProviderAccount(PROVIDER, "https://accounts.example.org", "1")
    return Code(digest_of("a code"), account, "a challenge", world.clock())


async def test_flows_and_codes_are_purged_an_hour_after_they_have_expired(
    world: World, flow: Flow, code: Code
) -> None:
    await world.flows.add_flow(flow)
    await world.flows.add_code(code)
    world.clock.advance(timedelta(hours=1))
    await world.purge_flows()
    assert await world.flows.take_flow(flow.digest) == flow
    assert await world.flows.take_code(code.digest) == code

    await world.flows.add_flow(flow)
    await world.flows.add_code(code)
    world.clock.advance(timedelta(microseconds=1))
    await world.purge_flows()
    assert await world.flows.take_flow(flow.digest) is None
    assert await world.flows.take_code(code.digest) is None


async def test_one_run_purges_thousands_of_flows(world: World, flow: Flow) -> None:
    digests = [digest_of(str(number)) for number in range(1100)]
    for each in digests:
        await world.flows.add_flow(replace(flow, digest=each))
    world.clock.advance(timedelta(hours=2))

    await world.purge_flows()

    assert {await world.flows.take_flow(each) for each in digests} == {None}


async def test_a_purge_that_falls_behind_ends(world: World) -> None:
    class AlwaysMore(MemoryFlows):
        calls = 0

        @override
        async def purge(self, before: datetime, limit: int) -> int:
            self.calls += 1
            return limit

    world.flows = flows = AlwaysMore()

    await world.purge_flows()

    assert flows.calls == 100
