"""Logins with a passkey alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, Stored
from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.actor import Principal
from domain.audit.event import EventType
from domain.authentication import Level, Method
from domain.errors import EmailUnverified, PasskeyInvalid
from domain.outcome import Outcome
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.second_factors.challenge import LIFETIME
from domain.second_factors.passkey import Passkey, passkey_id_of
from domain.session import Transport
from domain.user import User
from infrastructure.storage.memory.passkeys import MemoryPasskeys
from tests.support.authenticator import VERIFIED, Authenticator, Flag
from tests.support.builders import PASSWORD
from tests.support.passkeys import add, assertion, principal_of
from tests.support.world import World

APP = RequestContext("192.0.2.1", agent="an app")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(flags=VERIFIED | Flag.BE)


@pytest.fixture
async def ada(world: World, me: Principal, device: Authenticator) -> User:
    """The user after a passkey was added. The session of before has ended."""
    return (await principal_of(world, await add(world, me, device))).user


async def stored(world: World, device: Authenticator) -> Passkey:
    passkey = await world.passkeys.by_id(passkey_id_of(device.credential_id))
    assert passkey is not None
    return passkey


async def test_a_passkey_alone_starts_a_session_of_the_second_level(
    world: World, ada: User, device: Authenticator
) -> None:
    for session in await world.sessions.of_user(ada.id):
        await world.sessions.delete(ada.id, session.id)

    done = await world.login_with_passkey(await assertion(world, device), APP, Transport.BEARER)

    [session] = await world.sessions.of_user(ada.id)
    assert (await world.authenticate(done.tokens.access)).session == session
    assert session.methods == {Method.PASSKEY}
    assert session.level is Level.TWO
    assert session.transport is Transport.BEARER
    assert not session.is_stepped_up
    event = world.events.events[-1]
    assert (event.type, event.outcome, event.user_id) == (
        EventType.LOGIN, Outcome.SUCCESS, ada.id,
    )  # fmt: skip
    assert event.detail == "passkey"


@pytest.mark.usefixtures("ada")
async def test_no_password_is_hashed(world: World, device: Authenticator) -> None:
    world.hasher.clients.clear()

    await world.login_with_passkey(await assertion(world, device), APP)

    assert world.hasher.clients == []


@pytest.mark.usefixtures("ada")
async def test_a_use_is_stored_with_the_passkey(world: World, device: Authenticator) -> None:
    world.clock.advance(timedelta(minutes=1))
    device.flags |= Flag.BS

    await world.login_with_passkey(await assertion(world, device), APP)

    passkey = await stored(world, device)
    assert passkey.last_used_at == world.clock()
    assert passkey.credential.sign_count == device.count
    assert passkey.credential.backed_up


@pytest.mark.parametrize(
    "lies",
    [
        {"signature": b"wrong"},
        {"origin": "https://evil.example"},
        {"flags": Flag.UP | Flag.BE},
        {"flags": VERIFIED},  # it was made as one that may be backed up
        {"user_handle": None},
        {"user_handle": b""},
        {"user_handle": bytes(64)},
        {"id": b"unknown"},
        {"challenge": "unknown"},
    ],
)
async def test_an_assertion_that_violates_a_rule_starts_no_session(
    world: World, ada: User, device: Authenticator, lies: dict[str, Any]
) -> None:
    before = await stored(world, device)

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(await assertion(world, device, **lies), APP)

    assert len(await world.sessions.of_user(ada.id)) == 1
    assert await stored(world, device) == before
    assert world.events.events[-1].outcome is Outcome.PASSKEY_INVALID


async def test_the_handle_and_the_credential_belong_to_the_same_user(
    world: World, ada: User, device: Authenticator
) -> None:
    await world.register("Eve", "eve@example.org", PASSWORD)
    eve = await world.authenticate((await world.log_in("eve@example.org")).access)
    hers = Authenticator()
    await add(world, eve, hers)

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(
            await assertion(world, hers, user_handle=device.user_handle), APP
        )

    assert world.events.events[-1].user_id is None
    assert len(await world.sessions.of_user(ada.id)) == 1


@pytest.mark.usefixtures("ada")
async def test_a_challenge_is_good_for_one_attempt(world: World, device: Authenticator) -> None:
    offered = await world.offer_passkey_use()
    wrong = await assertion(world, device, challenge=offered.challenge, signature=b"wrong")
    right = await assertion(world, device, challenge=offered.challenge)

    for answer in (wrong, right):
        with pytest.raises(PasskeyInvalid):
            await world.login_with_passkey(answer, APP)


@pytest.mark.usefixtures("ada")
async def test_a_challenge_for_a_login_expires(world: World, device: Authenticator) -> None:
    signed = await assertion(world, device)
    world.clock.advance(LIFETIME)

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(signed, APP)


async def test_a_challenge_of_a_registration_starts_no_session(
    world: World, me: Principal, device: Authenticator
) -> None:
    done = await add(world, me, device)
    offered = await world.offer_passkey(await principal_of(world, done))

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(
            await assertion(world, device, challenge=offered.challenge), APP
        )


async def test_of_parallel_uses_of_one_assertion_one_logs_in(
    world: World, ada: User, device: Authenticator
) -> None:
    signed = await assertion(world, device)
    before = len(await world.sessions.of_user(ada.id))

    done = await asyncio.gather(
        *(world.login_with_passkey(signed, APP) for _ in range(20)), return_exceptions=True
    )

    assert [isinstance(each, PasskeyInvalid) for each in done].count(False) == 1
    assert len(await world.sessions.of_user(ada.id)) == before + 1


async def test_parallel_assertions_of_one_passkey_all_count(
    world: World, ada: User, device: Authenticator
) -> None:
    signed = [await assertion(world, device) for _ in range(20)]

    await asyncio.gather(*(world.login_with_passkey(each, APP) for each in signed))

    assert len(await world.sessions.of_user(ada.id)) == 21


async def test_a_count_that_goes_back_is_recorded_and_logs_in(
    world: World, ada: User, device: Authenticator
) -> None:
    device.count = 41
    await world.login_with_passkey(await assertion(world, device), APP)
    device.count = 6

    await world.login_with_passkey(await assertion(world, device), APP)

    back = [each for each in world.events.events if each.type is EventType.PASSKEY_COUNT_WENT_BACK]
    assert [(each.detail, each.user_id, each.outcome) for each in back] == [
        ("from 42 to 7", ada.id, Outcome.SUCCESS)
    ]
    assert back[0].is_kept
    assert world.events.events[-1].type is EventType.LOGIN


async def test_a_disabled_user_is_refused(world: World, ada: User, device: Authenticator) -> None:
    await world.change(ada, disabled=True)

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(await assertion(world, device), APP)


async def test_an_address_that_must_be_proven_is_asked_for(
    world: World, ada: User, device: Authenticator
) -> None:
    world.policy = RegistrationPolicy(email_verification=EmailVerification.REQUIRED)

    with pytest.raises(EmailUnverified):
        await world.login_with_passkey(await assertion(world, device), APP)

    await world.change(ada, verified=True)
    await world.login_with_passkey(await assertion(world, device), APP)


async def test_a_passkey_whose_user_is_gone_is_refused(
    world: World, ada: User, device: Authenticator
) -> None:
    await world.users.delete(ada.id)

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(await assertion(world, device), APP)


class Removed(MemoryPasskeys):
    """Deletes a passkey right before its use is stored."""

    @override
    async def replace(
        self, old: Passkey, new: Passkey, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        await self.delete(old)
        return await super().replace(old, new, effects)


async def test_a_removal_wins_over_a_use_at_the_same_moment(
    world: World, me: Principal, device: Authenticator
) -> None:
    world.passkeys = Removed()
    await add(world, me, device)

    with pytest.raises(PasskeyInvalid):
        await world.login_with_passkey(await assertion(world, device), APP)


async def test_logins_from_one_address_are_limited_except_those_of_known_devices(
    world: World, ada: User, device: Authenticator
) -> None:
    eve = (await world.register("Eve", "eve@example.org", PASSWORD)).user
    world.limits = RateLimits(login_address=RateLimit("login-address", 3, LIFETIME))
    for _ in range(3):
        await world.login_with_passkey(await assertion(world, device), APP)

    for token in (None, world.devices.issue(eve)):
        with pytest.raises(TooManyRequests):
            await world.login_with_passkey(
                await assertion(world, device), replace(APP, device_token=token)
            )

    known = replace(APP, device_token=world.devices.issue(ada))
    await world.login_with_passkey(await assertion(world, device), known)


async def test_options_from_one_address_are_limited_apart_from_logins(world: World) -> None:
    world.limits = RateLimits(login_address=RateLimit("login-address", 1, LIFETIME))

    for _ in range(2):
        await world.offer_passkey_use(APP)
    with pytest.raises(TooManyRequests):
        await world.offer_passkey_use(APP)
    await world.rate_limiting.count_login_from(APP.address, None)
