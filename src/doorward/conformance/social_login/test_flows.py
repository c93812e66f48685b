"""The contract of the store of flows and codes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.email import Email
from domain.session import SessionId
from domain.social_login.flow import AppClient, Code, Flow, Intent, Starter, digest_of
from domain.social_login.identity import ProviderAccount, ProviderName
from doorward.conformance.support.examples import MICROSECOND, NOW, a_user, new_id
from doorward.conformance.support.opening import SocialStores

pytestmark = pytest.mark.asyncio

PROVIDER = ProviderName("example")
LATER = NOW + timedelta(minutes=10)


def a_flow() -> Flow:
    digest, binding = digest_of(new_id()), digest_of(new_id())
    return Flow(digest, PROVIDER, Intent.LOGIN, binding, "/account?näme=%C3%A4#x", LATER)


def a_code() -> Code:
    account = ProviderAccount(
        PROVIDER,
        "https://accounts.example.org",
        "Subject",
        Email.parse("Ada@Exämple.org"),
        is_email_verified=True,
        name="Ada \N{KEY}" * 100,
        has_second_factor=True,
        is_fresh=True,
    )
    return Code(digest_of(new_id()), account, "c" * 43, LATER)


@pytest.mark.parametrize("intent", Intent)
async def test_a_flow_is_returned_as_stored(social: SocialStores, intent: Intent) -> None:
    starter = Starter(a_user().id, 7, SessionId(new_id()))
    for flow in (
        replace(a_flow(), intent=intent, starter=starter),
        replace(a_flow(), intent=intent, app=AppClient("c" * 43, "state\N{KEY}" * 200)),
        replace(a_flow(), intent=intent, app=AppClient("c" * 43)),
        replace(a_flow(), intent=intent, is_fresh=True),
        replace(a_flow(), intent=intent),
    ):
        await social.flows.add_flow(flow)

        assert await social.flows.take_code(flow.digest) is None
        assert await social.flows.take_flow(flow.digest) == flow
        assert await social.flows.take_flow(flow.digest) is None


async def test_a_code_is_returned_as_stored(social: SocialStores) -> None:
    full = a_code()
    bare = ProviderAccount(PROVIDER, "https://github.com", "1")
    for code in (full, replace(full, digest=digest_of(new_id()), account=bare)):
        await social.flows.add_code(code)

        taken = await social.flows.take_code(code.digest)
        assert taken == code
        if code.account.email:  # compared by its key only
            assert taken.account.email
            assert taken.account.email.address == code.account.email.address
        assert await social.flows.take_code(code.digest) is None


async def test_of_parallel_calls_one_takes_a_flow(social: SocialStores) -> None:
    flow = a_flow()
    await social.flows.add_flow(flow)

    taken = await asyncio.gather(*(social.flows.take_flow(flow.digest) for _ in range(20)))

    assert [each for each in taken if each] == [flow]


async def test_of_parallel_calls_one_takes_a_code(social: SocialStores) -> None:
    code = a_code()
    await social.flows.add_code(code)

    taken = await asyncio.gather(*(social.flows.take_code(code.digest) for _ in range(20)))

    assert [each for each in taken if each] == [code]


async def test_expired_flows_and_codes_are_purged_in_steps(social: SocialStores) -> None:
    flows = [replace(a_flow(), expires_at=NOW - MICROSECOND) for _ in range(3)]
    codes = [replace(a_code(), expires_at=NOW - MICROSECOND) for _ in range(2)]
    codes = [replace(each, digest=digest_of(new_id())) for each in codes]
    flow, code = replace(a_flow(), expires_at=NOW), replace(a_code(), expires_at=NOW)
    for each in [*flows, flow]:
        await social.flows.add_flow(each)
    for one in [*codes, code]:
        await social.flows.add_code(one)

    purged = [await social.flows.purge(NOW, 2) for _ in range(3)]

    assert purged == [4, 1, 0]
    assert [await social.flows.take_flow(each.digest) for each in flows] == [None] * 3
    assert [await social.flows.take_code(each.digest) for each in codes] == [None] * 2
    assert await social.flows.take_flow(flow.digest) == flow
    assert await social.flows.take_code(code.digest) == code
