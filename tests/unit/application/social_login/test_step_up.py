"""Applications step up with the code of a new login at a provider."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from application.login.complete import TokenPair
from application.rate_limiting import RateLimits
from application.social_login.step_up import AccountProof
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Level, Method
from domain.errors import (
    AuthError,
    InvalidCredentials,
    SocialFlowInvalid,
    StepUpRequired,
    TokenRejected,
)
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.session import Transport
from domain.social_login.flow import CODE_LIFETIME, AppClient, code_challenge_of
from tests.support.builders import MICROSECOND
from tests.support.factors import enrolled
from tests.support.social_login import an_account, linked, with_provider, without_password
from tests.support.world import World

CALLER = RequestContext("192.0.2.1", agent="an app")
VERIFIER = "v" * 43


@pytest.fixture
async def ada(world: World, me: Principal) -> Principal:
    """A user who has but a linked account, in the session of an application."""
    with_provider(world)
    await without_password(world, me)
    proof = await a_proof(world, is_fresh=False)
    login = await world.login_with_code(
        proof.code, proof.code_verifier, CALLER, Transport.BEARER, shows_access=True
    )
    return await world.authenticate(login.tokens.access)


async def a_proof(world: World, **changes: Any) -> AccountProof:
    """Return the code of an account that has just logged in at Acme, and its verifier."""
    account = an_account(**({"is_fresh": True} | changes))
    issued = await world.issue_code(account, AppClient(code_challenge_of(VERIFIER)))
    return AccountProof(issued.secret, VERIFIER)


async def assert_refused(
    world: World, me: Principal, proof: AccountProof, refusal: type[AuthError]
) -> None:
    with pytest.raises(refusal):
        await world.step_up_with_code(me, proof, CALLER)

    event = world.events.events[-1]
    assert (event.type, event.outcome) == (EventType.STEP_UP, refusal.outcome)
    assert (event.user_id, event.session_id) == (me.user.id, me.session.id)
    with pytest.raises(StepUpRequired):
        await world.require_step_up(me, CALLER)


@pytest.mark.parametrize("has_second_factor", [False, True])
async def test_a_code_replaces_the_session_by_one_for_sensitive_steps(
    world: World, ada: Principal, has_second_factor: bool
) -> None:
    with pytest.raises(StepUpRequired):
        await world.require_step_up(ada, CALLER)
    proof = await a_proof(world, has_second_factor=has_second_factor)

    tokens = await world.step_up_with_code(ada, proof, CALLER)

    now = await world.authenticate(tokens.access)
    await world.require_step_up(now, CALLER)
    assert now.session.transport is Transport.BEARER
    method = Method.FEDERATED_MFA if has_second_factor else Method.FEDERATED
    assert now.session.methods == {Method.FEDERATED, method}
    assert now.session.level is (Level.TWO if has_second_factor else Level.ONE)
    with pytest.raises(TokenRejected):
        await world.reload_principal(ada)
    event = world.events.events[-1]
    assert (event.type, event.outcome, event.detail) == (EventType.STEP_UP, "success", method)
    assert (event.user_id, event.caller) == (ada.user.id, CALLER)
    assert event.is_kept


async def test_the_use_of_the_account_is_noted(world: World, ada: Principal) -> None:
    world.clock.advance(timedelta(minutes=5))

    await world.step_up_with_code(ada, await a_proof(world), CALLER)

    [identity] = await world.identities.of_user(ada.user.id)
    assert identity.last_used_at == world.clock()


async def test_a_code_steps_up_once(world: World, ada: Principal) -> None:
    proof = await a_proof(world)
    step_ups = (world.step_up_with_code(ada, proof, CALLER) for _ in range(5))

    ends = await asyncio.gather(*step_ups, return_exceptions=True)

    [tokens] = [each for each in ends if isinstance(each, TokenPair)]
    assert all(isinstance(each, TokenPair | SocialFlowInvalid | TokenRejected) for each in ends)
    again = await world.authenticate(tokens.access)
    with pytest.raises(SocialFlowInvalid):
        await world.step_up_with_code(again, proof, CALLER)
    with pytest.raises(SocialFlowInvalid):
        await world.login_with_code(proof.code, VERIFIER, CALLER)


async def test_a_code_of_a_login_is_no_second_proof(world: World, ada: Principal) -> None:
    proof = await a_proof(world)
    await world.login_with_code(proof.code, VERIFIER, CALLER)

    await assert_refused(world, ada, proof, SocialFlowInvalid)


async def test_a_login_that_the_provider_remembered_is_no_proof(
    world: World, ada: Principal
) -> None:
    proof = await a_proof(world, is_fresh=False)

    await assert_refused(world, ada, proof, SocialFlowInvalid)


@pytest.mark.parametrize("subject", ["hers", "unknown"])
async def test_the_account_of_a_stranger_is_no_proof(
    world: World, ada: Principal, subject: str
) -> None:
    eve = await world.sign_up("eve@example.org")
    hers = await linked(world, eve, an_account(subject="hers"))

    await assert_refused(world, ada, await a_proof(world, subject=subject), InvalidCredentials)

    assert await world.identities.by_id(hers.id) == hers


@pytest.mark.parametrize("verifier", ["", "w" * 43, code_challenge_of(VERIFIER), VERIFIER * 5])
async def test_the_code_of_another_application_is_no_proof(
    world: World, ada: Principal, verifier: str
) -> None:
    proof = await a_proof(world)

    await assert_refused(world, ada, AccountProof(proof.code, verifier), SocialFlowInvalid)


@pytest.mark.parametrize(("left", "is_good"), [(MICROSECOND, True), (timedelta(0), False)])
async def test_a_code_is_a_proof_for_a_minute(
    world: World, ada: Principal, left: timedelta, is_good: bool
) -> None:
    proof = await a_proof(world)
    world.clock.advance(CODE_LIFETIME - left)

    if is_good:
        await world.step_up_with_code(ada, proof, CALLER)
    else:
        await assert_refused(world, ada, proof, SocialFlowInvalid)


async def test_a_stronger_method_is_asked_for_and_the_code_stays(
    world: World, ada: Principal
) -> None:
    proof = await a_proof(world)
    await world.change(ada.user, password_hash="a hash", generation=ada.user.generation)

    with pytest.raises(StepUpRequired) as refusal:
        await world.step_up_with_code(ada, proof, CALLER)

    assert refusal.value.methods == [Method.PASSWORD]
    await world.redeem_code(proof.code, VERIFIER)


async def test_a_code_does_not_step_up_beside_a_second_factor(
    world: World, ada: Principal
) -> None:
    await enrolled(world, ada.user)
    stored = await world.users.get(ada.user.id)
    assert stored is not None
    await world.change(stored, generation=ada.user.generation)

    with pytest.raises(StepUpRequired) as refusal:
        await world.step_up_with_code(ada, await a_proof(world), CALLER)

    assert refusal.value.methods == [Method.TOTP, Method.RECOVERY_CODE]


async def test_a_session_that_has_ended_steps_up_no_more(world: World, ada: Principal) -> None:
    await world.sessions.delete(ada.user.id, ada.session.id)
    proof = await a_proof(world)

    with pytest.raises(TokenRejected):
        await world.step_up_with_code(ada, proof, CALLER)

    await world.redeem_code(proof.code, VERIFIER)


async def test_step_ups_with_codes_are_counted(world: World, ada: Principal) -> None:
    world.limits = RateLimits(login_address=RateLimit("login", 1, timedelta(minutes=1)))
    caller = RequestContext("192.0.2.99")
    for _ in range(3):
        with pytest.raises(SocialFlowInvalid):
            await world.step_up_with_code(ada, AccountProof("unknown", VERIFIER), caller)

    with pytest.raises(TooManyRequests):
        await world.step_up_with_code(ada, await a_proof(world), caller)


async def test_a_proof_is_in_no_representation(world: World) -> None:
    proof = await a_proof(world)

    assert proof.code not in repr(proof)
    assert VERIFIER not in repr(proof)
