"""A passkey where a second factor is asked for: at a login, a step-up and a reset."""

import asyncio

import pytest

from application.second_factors.passkeys import PasskeyProof
from application.second_factors.verify import CodeProof
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Level, Method
from domain.errors import (
    InvalidCredentials,
    PasskeyInvalid,
    SecondFactorInvalid,
    SecondFactorRequired,
    StepUpRequired,
    TokenRejected,
)
from domain.mail.message import MailKind
from domain.outcome import Outcome
from domain.request_context import UNKNOWN, RequestContext
from domain.second_factors.factors import LOCK, MAX_FAILURES
from domain.user import User
from tests.support.authenticator import Authenticator
from tests.support.builders import PASSWORD
from tests.support.passkeys import add, assertion, principal_of
from tests.support.world import World

ADA = "ada@example.org"
NEW = "a better one than before"
APP = RequestContext("192.0.2.1", agent="an app")
WRONG = CodeProof(Method.TOTP, "000000")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
async def ada(world: World, me: Principal, device: Authenticator) -> User:
    return (await principal_of(world, await add(world, me, device))).user


async def challenge(world: World) -> str:
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login(ADA, PASSWORD, APP)
    return refused.value.challenge


async def proof(world: World, device: Authenticator, **lies: object) -> PasskeyProof:
    return PasskeyProof(await assertion(world, device, **lies))


async def test_a_passkey_completes_a_login_with_the_password(
    world: World, ada: User, device: Authenticator
) -> None:
    asked = await challenge(world)

    done = await world.use_second_factor(asked, await proof(world, device), APP)

    session = (await world.authenticate(done.tokens.access)).session
    assert session.user_id == ada.id
    assert session.methods == {Method.PASSWORD, Method.PASSKEY}
    assert session.level is Level.TWO
    assert world.events.events[-1].detail == "passkey password"


async def test_a_passkey_of_another_user_completes_no_login(
    world: World, ada: User, device: Authenticator
) -> None:
    await world.register("Eve", "eve@example.org", PASSWORD)
    hers = Authenticator()
    await add(
        world, await world.authenticate((await world.log_in("eve@example.org")).access), hers
    )
    asked = await challenge(world)

    with pytest.raises(PasskeyInvalid):
        await world.use_second_factor(asked, await proof(world, hers), APP)

    event = world.events.events[-1]
    assert (event.type, event.outcome, event.user_id) == (
        EventType.LOGIN, Outcome.PASSKEY_INVALID, ada.id,
    )  # fmt: skip
    await world.use_second_factor(asked, await proof(world, device), APP)


async def test_failures_of_passkeys_and_codes_lock_the_second_factor_together(
    world: World, ada: User, device: Authenticator
) -> None:
    for attempt in range(MAX_FAILURES):
        asked = await challenge(world)
        is_passkey = attempt % 2
        shown = await proof(world, device, signature=b"wrong") if is_passkey else WRONG
        with pytest.raises(PasskeyInvalid if is_passkey else SecondFactorInvalid):
            await world.use_second_factor(asked, shown, APP)

    with pytest.raises(PasskeyInvalid):
        await world.use_second_factor(await challenge(world), await proof(world, device), APP)
    await world.login_with_passkey(await assertion(world, device), APP)  # guesses nothing

    world.clock.advance(LOCK)
    await world.use_second_factor(await challenge(world), await proof(world, device), APP)
    kinds = [each.message.kind for each in await world.outbox.page(None, None, 99)]
    assert kinds.count(MailKind.SECOND_FACTOR_FAILED) == 2
    assert ada.has_second_factor


async def test_parallel_failures_are_all_counted(
    world: World, ada: User, device: Authenticator
) -> None:
    asked = [await challenge(world) for _ in range(5)]
    wrong = [await proof(world, device, signature=b"wrong") for _ in asked]

    done = await asyncio.gather(
        *(world.use_second_factor(*each, APP) for each in zip(asked, wrong, strict=True)),
        return_exceptions=True,
    )

    assert all(isinstance(each, PasskeyInvalid) for each in done)
    assert (await world.second_factors.of_user(ada.id)).failures == 5


async def test_a_passkey_steps_up_a_session(
    world: World, ada: User, device: Authenticator
) -> None:
    login = await world.login_with_passkey(await assertion(world, device), APP)
    me = await world.authenticate(login.tokens.access)
    with pytest.raises(StepUpRequired) as refused:
        await world.require_step_up(me, UNKNOWN)
    assert refused.value.methods == [Method.PASSKEY, Method.RECOVERY_CODE]

    tokens = await world.step_up(me, await proof(world, device))

    session = (await world.authenticate(tokens.access)).session
    assert session.allows_sensitive_steps(world.clock())
    assert session.methods == {Method.PASSKEY}
    with pytest.raises(TokenRejected):
        await world.authenticate(login.tokens.access)
    assert session.user_id == ada.id


async def test_a_session_without_a_passkey_is_raised_by_one(
    world: World, me: Principal, device: Authenticator
) -> None:
    done = await add(world, me, device)
    asked = await challenge(world)
    login = await world.login_with_second_factor(
        asked, Method.RECOVERY_CODE, done.recovery_codes[0], APP
    )

    tokens = await world.step_up(
        await world.authenticate(login.tokens.access), await proof(world, device)
    )

    session = (await world.authenticate(tokens.access)).session
    assert session.methods == {Method.PASSWORD, Method.RECOVERY_CODE, Method.PASSKEY}


@pytest.mark.usefixtures("ada")
async def test_a_reset_asks_for_the_passkey_and_keeps_the_link(
    world: World, device: Authenticator
) -> None:
    await world.request_password_reset(ADA)
    token = [each.token for each in await world.read_mail() if each.token][-1]
    assert token

    with pytest.raises(SecondFactorRequired):
        await world.reset_password(token, NEW, UNKNOWN)
    with pytest.raises(PasskeyInvalid):
        await world.reset_password(
            token, NEW, UNKNOWN, await proof(world, device, signature=b"wrong")
        )
    await world.reset_password(token, NEW, UNKNOWN, await proof(world, device))

    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)
    with pytest.raises(SecondFactorRequired):
        await world.login(ADA, NEW)
