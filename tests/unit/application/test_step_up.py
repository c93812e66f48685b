"""A step-up replaces the session by one that is good for sensitive steps, for ten minutes."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from application.rate_limiting import RateLimits
from application.second_factors.verify import CodeProof
from application.step_up import PasswordProof, Proof
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Level, Method
from domain.errors import (
    InvalidInput,
    SecondFactorInvalid,
    StepUpRequired,
    TokenRejected,
    WrongPassword,
)
from domain.outcome import Outcome
from domain.rate_limit import RateLimit, TooManyRequests
from domain.second_factors import totp
from domain.second_factors.factors import MAX_FAILURES
from domain.session import Session, Transport
from tests.support.builders import PASSWORD
from tests.support.doubles import PausingSessions
from tests.support.factors import CODES, SECRET, enrolled
from tests.support.world import World

RIGHT, WRONG = PasswordProof(PASSWORD), PasswordProof("another password")


def code(world: World) -> CodeProof:
    return CodeProof(Method.TOTP, totp.code_at(SECRET, totp.step_at(world.clock())))


@pytest.fixture
async def with_factor(world: World, me: Principal) -> Principal:
    """A user with a factor, in a session of the password alone."""
    user = await enrolled(world, me.user)
    return Principal(user, await world.renew_session(me.session, user))


async def session_of(world: World, access: str) -> Session:
    return (await world.authenticate(access)).session


async def test_the_password_steps_up_a_user_without_a_second_factor(
    world: World, me: Principal
) -> None:
    tokens = await world.step_up(me, RIGHT)

    session = await session_of(world, tokens.access)
    assert session.id != me.session.id
    assert session.stepped_up_at == world.clock()
    assert session.methods == {Method.PASSWORD}
    assert session.transport is me.session.transport
    await world.refresh(tokens.refresh)
    event = world.events.events[-2]
    assert (event.type, event.outcome, event.detail) == (
        EventType.STEP_UP,
        Outcome.SUCCESS,
        "password",
    )
    assert (event.user_id, event.session_id) == (me.user.id, me.session.id)


async def test_the_tokens_of_before_are_dead_after_a_step_up(world: World) -> None:
    await world.sign_up()
    before = await world.log_in()
    me = await world.authenticate(before.access)

    await world.step_up(me, RIGHT)

    with pytest.raises(TokenRejected):
        await world.authenticate(before.access)
    with pytest.raises(TokenRejected):
        await world.refresh(before.refresh)
    with pytest.raises(TokenRejected):
        await world.step_up(me, RIGHT)


async def test_a_step_up_leaves_the_other_sessions_alone(world: World, me: Principal) -> None:
    before = {each.id for each in await world.sessions.of_user(me.user.id)}

    new = await world.stepped_up(me)

    after = {each.id for each in await world.sessions.of_user(me.user.id)}
    assert after == before - {me.session.id} | {new.session.id}


@pytest.mark.parametrize("proof", ["totp", "recovery code"])
async def test_a_code_raises_the_level_of_the_new_session(
    world: World, with_factor: Principal, proof: str
) -> None:
    shown = code(world) if proof == "totp" else CodeProof(Method.RECOVERY_CODE, CODES[0])

    session = await session_of(world, (await world.step_up(with_factor, shown)).access)

    assert session.methods == {Method.PASSWORD, shown.method}
    assert session.level is Level.TWO
    assert world.events.events[-1].detail == shown.method


async def test_a_step_up_keeps_the_transport_of_the_login(world: World) -> None:
    await world.sign_up()
    logged_in = await world.login("ada@example.org", PASSWORD, transport=Transport.BEARER)
    me = await world.authenticate(logged_in.tokens.access)

    assert (await world.stepped_up(me)).session.transport is Transport.BEARER


async def test_the_password_is_not_enough_beside_a_factor_and_is_not_even_verified(
    world: World, with_factor: Principal
) -> None:
    for proof in (RIGHT, WRONG):
        with pytest.raises(StepUpRequired) as refused:
            await world.step_up(with_factor, proof)
        assert list(refused.value.methods) == [Method.TOTP, Method.RECOVERY_CODE]
    assert await world.sessions.get(with_factor.user.id, with_factor.session.id)
    assert not world.events.events[-1].is_kept  # a client that asks for the methods is no attack


async def test_a_code_of_a_factor_that_the_user_has_not_is_no_failure(
    world: World, me: Principal
) -> None:
    with pytest.raises(StepUpRequired) as refused:
        await world.step_up(me, CodeProof(Method.TOTP, "123456"))

    assert list(refused.value.methods) == [Method.PASSWORD]
    assert (await world.second_factors.of_user(me.user.id)).failures == 0


@pytest.mark.parametrize(
    ("proof", "error"),
    [(WRONG, WrongPassword), (PasswordProof("x" * 5000), InvalidInput)],
    ids=["wrong", "too long"],
)
async def test_a_password_that_is_refused_changes_nothing(
    world: World, me: Principal, proof: Proof, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await world.step_up(me, proof)

    assert await world.sessions.get(me.user.id, me.session.id) == me.session
    assert world.events.events[-1].type is EventType.STEP_UP


async def test_guesses_of_the_password_are_limited_by_session(world: World, me: Principal) -> None:
    world.limits = RateLimits(login_account=RateLimit("login", 2, timedelta(hours=1)))
    for _ in range(2):
        with pytest.raises(WrongPassword):
            await world.step_up(me, WRONG)

    with pytest.raises(TooManyRequests):
        await world.step_up(me, RIGHT)


async def test_guesses_of_codes_count_for_the_lock_of_the_account(
    world: World, with_factor: Principal
) -> None:
    for _ in range(MAX_FAILURES):
        with pytest.raises(SecondFactorInvalid):
            await world.step_up(with_factor, CodeProof(Method.TOTP, "000000"))

    with pytest.raises(SecondFactorInvalid):
        await world.step_up(with_factor, code(world))
    assert (await world.second_factors.of_user(with_factor.user.id)).is_locked(world.clock())


async def test_a_code_steps_up_once(world: World, with_factor: Principal) -> None:
    again = code(world)
    new = await world.authenticate((await world.step_up(with_factor, again)).access)

    with pytest.raises(SecondFactorInvalid):
        await world.step_up(new, again)


async def test_of_parallel_step_ups_of_a_session_one_wins(world: World, me: Principal) -> None:
    before = len(await world.sessions.of_user(me.user.id))

    done = await asyncio.gather(
        *(world.step_up(me, RIGHT) for _ in range(20)), return_exceptions=True
    )

    assert [isinstance(each, TokenRejected) for each in done].count(False) == 1
    assert len(await world.sessions.of_user(me.user.id)) == before


@pytest.mark.parametrize("pauses_before", range(12))
async def test_a_logout_during_a_step_up_wins_until_the_new_session_is_stored(
    world: World, pauses_before: int
) -> None:
    user = await world.sign_up()
    before = await world.log_in()
    me = await world.authenticate(before.access)
    sessions, pauses = world.sessions, count()

    async def log_out_in_between() -> None:
        if next(pauses) == pauses_before:
            await replace(world, sessions=sessions).logout(None, before.refresh)

    world.sessions = PausingSessions(sessions, log_out_in_between)
    try:
        tokens = await world.step_up(me, RIGHT)
    except TokenRejected:
        assert await sessions.of_user(user.id) == []
    else:
        assert [each.id for each in await sessions.of_user(user.id)] == [
            (await session_of(world, tokens.access)).id
        ]
        assert pauses_before >= 7  # the last of the steps has replaced the session
    with pytest.raises(TokenRejected):
        await world.authenticate(before.access)


@pytest.mark.parametrize("pauses_before", range(8))
async def test_a_change_that_ends_all_sessions_ends_one_that_is_being_stepped_up(
    world: World, me: Principal, pauses_before: int
) -> None:
    sessions, pauses = world.sessions, count()

    async def disable_in_between() -> None:
        if next(pauses) == pauses_before:
            await world.change(me.user, disabled=True, generation=me.user.generation + 1)

    world.sessions = PausingSessions(sessions, disable_in_between)
    try:
        tokens = await world.step_up(me, RIGHT)
    except TokenRejected:
        return
    with pytest.raises(TokenRejected):
        await world.authenticate(tokens.access)


def test_a_proof_does_not_show_its_secret() -> None:
    for proof in (PasswordProof("a secret"), CodeProof(Method.TOTP, "a secret")):
        assert "a secret" not in repr(proof)
