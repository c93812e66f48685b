"""Applications exchange codes for tokens, or for a link."""

import asyncio
from datetime import timedelta

import pytest

from application.login.complete import LoggedIn
from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.actor import Principal
from domain.audit.event import EventType
from domain.errors import (
    EmailUnverified,
    IdentityTaken,
    SecondFactorRequired,
    SocialFlowInvalid,
    StepUpRequired,
)
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport
from domain.social_login.flow import CODE_LIFETIME, AppClient, code_challenge_of
from tests.support.builders import MICROSECOND
from tests.support.factors import enrolled
from tests.support.social_login import an_account, linked, stepped_up_now, with_provider
from tests.support.world import World

CALLER = RequestContext("192.0.2.1", agent="an app")
VERIFIER = "v" * 43


@pytest.fixture
async def code(world: World) -> str:
    with_provider(world)
    issued = await world.issue_code(an_account(), AppClient(code_challenge_of(VERIFIER)))
    return issued.secret


async def test_a_code_and_its_verifier_log_in(world: World, code: str) -> None:
    done = await world.login_with_code(code, VERIFIER, CALLER, Transport.BEARER, shows_access=True)

    assert (done.transport, done.shows_access) == (Transport.BEARER, True)
    session = (await world.authenticate(done.tokens.access)).session
    assert session.transport is Transport.BEARER


async def test_a_code_logs_in_once(world: World, code: str) -> None:
    logins = (world.login_with_code(code, VERIFIER) for _ in range(5))

    ends = await asyncio.gather(*logins, return_exceptions=True)

    assert sum(isinstance(each, LoggedIn) for each in ends) == 1
    assert sum(isinstance(each, SocialFlowInvalid) for each in ends) == 4


@pytest.mark.parametrize("verifier", ["", "w" * 43, code_challenge_of(VERIFIER)])
async def test_a_wrong_verifier_uses_the_code_up(world: World, code: str, verifier: str) -> None:
    for shown in (verifier, VERIFIER):
        with pytest.raises(SocialFlowInvalid):
            await world.login_with_code(code, shown, CALLER)

    event = world.events.events[-1]
    assert (event.type, event.outcome, event.is_kept) == (
        EventType.LOGIN, SocialFlowInvalid.outcome, False,
    )  # fmt: skip


@pytest.mark.parametrize(("left", "is_good"), [(MICROSECOND, True), (timedelta(0), False)])
async def test_a_code_expires_after_a_minute(
    world: World, code: str, left: timedelta, is_good: bool
) -> None:
    world.clock.advance(CODE_LIFETIME - left)

    if is_good:
        await world.login_with_code(code, VERIFIER)
    else:
        with pytest.raises(SocialFlowInvalid):
            await world.login_with_code(code, VERIFIER)


@pytest.mark.usefixtures("code")
async def test_an_unknown_or_very_long_code_is_refused(world: World, code: str) -> None:
    for wrong in ("", code[:-1], code * 5):
        with pytest.raises(SocialFlowInvalid):
            await world.login_with_code(wrong, VERIFIER)
    with pytest.raises(SocialFlowInvalid):
        await world.login_with_code(code, VERIFIER * 5)

    await world.login_with_code(code, VERIFIER)


async def test_exchanges_are_counted(world: World, code: str, me: Principal) -> None:
    world.limits = RateLimits(login_address=RateLimit("login", 1, timedelta(minutes=1)))
    for _ in range(3):
        with pytest.raises(SocialFlowInvalid):
            await world.login_with_code("unknown", VERIFIER, CALLER)

    with pytest.raises(TooManyRequests):
        await world.login_with_code(code, VERIFIER, CALLER)
    with pytest.raises(TooManyRequests):
        await world.link_with_code(me, code, VERIFIER, CALLER)


async def test_a_code_does_not_go_around_the_second_factor(
    world: World, code: str, me: Principal
) -> None:
    await linked(world, me.user, an_account())
    await enrolled(world, me.user)

    with pytest.raises(SecondFactorRequired):
        await world.login_with_code(code, VERIFIER, CALLER)


async def test_a_code_links_its_account_in_a_session_that_was_stepped_up(
    world: World, code: str, me: Principal
) -> None:
    with pytest.raises(StepUpRequired):
        await world.link_with_code(me, code, VERIFIER)
    me = await stepped_up_now(world, me)
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
    with pytest.raises(EmailUnverified):
        await world.link_with_code(me, code, VERIFIER)
    world.policy = RegistrationPolicy()

    identity = await world.link_with_code(me, code, VERIFIER)

    assert await world.list_identities(me) == [identity]
    event = world.events.events[-1]
    assert (event.type, event.session_id) == (EventType.LINK_IDENTITY, me.session.id)
    with pytest.raises(SocialFlowInvalid):
        await world.link_with_code(me, code, VERIFIER)


async def test_a_code_links_no_account_of_another_user(
    world: World, code: str, me: Principal
) -> None:
    eve = await world.sign_up("eve@example.org")
    await linked(world, eve, an_account())
    me = await stepped_up_now(world, me)

    with pytest.raises(IdentityTaken):
        await world.link_with_code(me, code, VERIFIER)


async def test_a_code_is_in_no_representation(world: World) -> None:
    issued = await world.issue_code(an_account(), AppClient(code_challenge_of(VERIFIER)))

    assert issued.secret not in repr(issued)
    assert issued.secret not in repr(world.flows.__dict__)
