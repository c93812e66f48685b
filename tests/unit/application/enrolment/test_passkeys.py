"""Adding a passkey."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from typing_extensions import override

from application.ports import NO_EFFECTS, Effects, Stored
from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from application.second_factors.policy import SecondFactorPolicy
from domain.actor import Principal
from domain.audit.event import Event, EventType
from domain.authentication import Level, Method
from domain.errors import (
    EmailUnverified,
    InvalidInput,
    PasskeyInvalid,
    SecondFactorRequired,
    SecondFactorsOff,
    StepUpRequired,
    TokenRejected,
)
from domain.outcome import Outcome
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.second_factors.challenge import LIFETIME
from domain.second_factors.passkey import HANDLE_BYTES, MAX_PASSKEYS, Passkey
from domain.session import STEP_UP_LIFETIME
from doorward.conformance.second_factors.test_passkeys import a_passkey
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.memory.passkeys import MemoryPasskeys
from infrastructure.storage.no_second_factors import NoPasskeys
from tests.support.authenticator import RP_ID, VERIFIED, Authenticator, Flag
from tests.support.factors import enrolled, stepped_up
from tests.support.passkeys import add, principal_of, registration
from tests.support.world import World

HERE = RequestContext("192.0.2.7", agent="a browser")


@pytest.fixture
def device() -> Authenticator:
    return Authenticator()


@pytest.fixture
async def stepped(world: World, me: Principal) -> Principal:
    return await stepped_up(world, me)


def events(world: World) -> list[Event]:
    return [each for each in world.events.events if each.type is EventType.ADD_PASSKEY]


async def notices(world: World) -> list[str]:
    queued = [each.message for each in await world.outbox.page(None, None, 99)]
    return [each.facts["change"] for each in queued if "change" in each.facts]


async def test_the_options_name_the_domain_the_user_and_what_there_is(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    offered = await world.offer_passkey(stepped)

    assert offered.rp_id == RP_ID
    assert len(offered.handle) == HANDLE_BYTES
    assert offered.user == stepped.user
    assert offered.existing == []

    done = await add(world, stepped, device)
    me = await principal_of(world, done)
    again = await world.offer_passkey(me)

    assert again.handle == offered.handle
    assert again.existing == [done.passkey]
    assert again.challenge != offered.challenge


async def test_a_passkey_is_stored_as_its_authenticator_has_made_it(
    world: World, me: Principal
) -> None:
    aaguid = UUID("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4")
    device = Authenticator(flags=VERIFIED | Flag.BE | Flag.BS, aaguid=aaguid.bytes)

    done = await add(world, me, device)

    [passkey] = await world.passkeys.of_user(me.user.id)
    assert passkey == done.passkey
    assert passkey.name == "Google Password Manager"
    assert (passkey.user_id, passkey.rp_id) == (me.user.id, RP_ID)
    assert (passkey.created_at, passkey.last_used_at) == (world.clock(), None)
    assert passkey.credential.id == device.credential_id
    assert passkey.credential.backed_up


async def test_a_passkey_has_the_name_that_its_user_gives(
    world: World, me: Principal, device: Authenticator
) -> None:
    done = await add(world, me, device, " My phone ")
    assert done.passkey.name == "My phone"

    unknown = await add(world, await principal_of(world, done), Authenticator())
    assert unknown.passkey.name == "Passkey"


async def test_the_first_passkey_ends_all_sessions_and_starts_one_of_the_second_level(
    world: World, me: Principal, device: Authenticator
) -> None:
    done = await add(world, me, device, caller=HERE)

    [session] = await world.sessions.of_user(me.user.id)
    assert (await principal_of(world, done)).session == session
    assert session.methods == {Method.PASSWORD, Method.PASSKEY}
    assert session.level is Level.TWO
    assert session.allows_sensitive_steps(world.clock())
    user = await world.users.get(me.user.id)
    assert user is not None
    assert user.has_second_factor
    with pytest.raises(TokenRejected):
        await world.reload_principal(me)
    with pytest.raises(SecondFactorRequired) as refused:
        await world.log_in()
    assert refused.value.methods == [Method.PASSKEY, Method.RECOVERY_CODE]


async def test_a_second_passkey_ends_no_other_session(
    world: World, me: Principal, device: Authenticator
) -> None:
    me = await principal_of(world, await add(world, me, device))
    other = await world.start_session(me.user, HERE, me.session.transport)

    done = await add(world, me, Authenticator())

    kept = {each.id for each in await world.sessions.of_user(me.user.id)}
    new = (await principal_of(world, done)).session
    assert kept == {other.id, new.id}
    assert me.session.id not in kept
    assert new.allows_sensitive_steps(world.clock())


async def test_recovery_codes_come_with_the_first_factor_only(
    world: World, me: Principal, device: Authenticator
) -> None:
    done = await add(world, me, device)

    assert len(set(done.recovery_codes)) == 10
    assert done.recovery_codes[0] not in str(done)
    again = await add(world, await principal_of(world, done), Authenticator())
    assert list(again.recovery_codes) == []
    with pytest.raises(SecondFactorRequired) as refused:
        await world.log_in()
    code = done.recovery_codes[3]
    await world.login_with_second_factor(refused.value.challenge, Method.RECOVERY_CODE, code)


async def test_a_user_with_an_authenticator_app_keeps_the_recovery_codes(
    world: World, me: Principal, device: Authenticator
) -> None:
    user = await enrolled(world, me.user)
    me = Principal(user, await world.renew_session(me.session, user))

    done = await add(world, me, device)

    assert list(done.recovery_codes) == []
    stored = await world.second_factors.of_user(user.id)
    assert len(stored.recovery_codes) == 10


async def test_without_a_secret_for_them_there_are_no_recovery_codes(
    world: World, me: Principal, device: Authenticator
) -> None:
    world.factor_secrets = SealedFactors([])

    assert list((await add(world, me, device)).recovery_codes) == []


async def test_the_addition_is_recorded_and_told(
    world: World, me: Principal, device: Authenticator
) -> None:
    done = await add(world, me, device, caller=HERE)

    [event] = events(world)
    assert (event.outcome, event.user_id) == (Outcome.SUCCESS, me.user.id)
    assert event.detail == done.passkey.id
    assert event.caller.address == HERE.address
    assert await notices(world) == ["passkey_added"]


async def test_an_addition_needs_a_step_up(
    world: World, me: Principal, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)
    login = await world.log_in()
    fresh = await world.authenticate(login.access)

    with pytest.raises(StepUpRequired):
        await world.offer_passkey(fresh)
    with pytest.raises(StepUpRequired):
        await world.add_passkey(fresh, made)

    world.clock.advance(STEP_UP_LIFETIME)
    with pytest.raises(StepUpRequired):
        await world.add_passkey(stepped, made)
    with pytest.raises(TokenRejected):
        await world.offer_passkey(me)


async def test_an_address_that_has_to_be_proven_comes_first(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)

    with pytest.raises(EmailUnverified):
        await world.offer_passkey(stepped)
    with pytest.raises(EmailUnverified):
        await world.add_passkey(stepped, made)


async def test_no_passkey_is_added_where_factors_are_off(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)
    world.second_factor_policy = SecondFactorPolicy.OFF

    with pytest.raises(SecondFactorsOff):
        await world.offer_passkey(stepped)
    with pytest.raises(SecondFactorsOff):
        await world.add_passkey(stepped, made)


async def test_no_passkey_is_offered_where_there_is_no_place_for_it(
    world: World, stepped: Principal
) -> None:
    world.passkeys = NoPasskeys()

    with pytest.raises(SecondFactorsOff):
        await world.offer_passkey(stepped)


async def test_a_user_has_a_bounded_number_of_passkeys(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)
    for _ in range(MAX_PASSKEYS):
        await world.passkeys.add(a_passkey(stepped.user.id))

    with pytest.raises(InvalidInput):
        await world.offer_passkey(stepped)
    with pytest.raises(PasskeyInvalid):
        await world.add_passkey(stepped, made)


async def test_a_credential_is_stored_once(
    world: World, me: Principal, device: Authenticator
) -> None:
    me = await principal_of(world, await add(world, me, device))

    with pytest.raises(PasskeyInvalid):
        await add(world, me, device)

    assert len(await world.passkeys.of_user(me.user.id)) == 1


async def test_changes_are_counted(world: World, stepped: Principal) -> None:
    world.limits = RateLimits(change_account=RateLimit("change", 1, LIFETIME))

    await world.offer_passkey(stepped)

    with pytest.raises(TooManyRequests):
        await world.offer_passkey(stepped)


@pytest.mark.parametrize("lies", [{"origin": "https://evil.example"}, {"flags": Flag.AT}])
async def test_a_registration_that_violates_a_rule_adds_nothing(
    world: World, stepped: Principal, device: Authenticator, lies: dict[str, Any]
) -> None:
    made = await registration(world, stepped, device, **lies)

    with pytest.raises(PasskeyInvalid):
        await world.add_passkey(stepped, made)

    assert await world.passkeys.of_user(stepped.user.id) == []
    [event] = events(world)
    assert (event.outcome, event.user_id) == (Outcome.PASSKEY_INVALID, stepped.user.id)


async def test_a_bad_name_is_refused_before_the_challenge_is_used_up(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)

    with pytest.raises(InvalidInput):
        await world.add_passkey(stepped, made, "")

    await world.add_passkey(stepped, made)


async def test_a_challenge_is_good_once_also_of_parallel_answers(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)

    done = await asyncio.gather(
        *(world.add_passkey(stepped, made) for _ in range(20)), return_exceptions=True
    )

    refusals = [each for each in done if isinstance(each, PasskeyInvalid | TokenRejected)]
    assert len(refusals) == 19
    assert len(await world.passkeys.of_user(stepped.user.id)) == 1


async def test_a_challenge_expires(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)
    world.clock.advance(LIFETIME)

    with pytest.raises(PasskeyInvalid):
        await world.add_passkey(stepped, made)


async def test_a_challenge_is_for_one_session_of_its_user(
    world: World, me: Principal, device: Authenticator
) -> None:
    mine = await stepped_up(world, me)
    made = await registration(world, mine, device)
    login = await world.log_in()
    other = await stepped_up(world, await world.authenticate(login.access))

    with pytest.raises(PasskeyInvalid):
        await world.add_passkey(other, made)


async def test_a_challenge_of_a_login_registers_nothing(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    offered = await world.offer_passkey(stepped)
    anonymous = await world.offer_passkey_use()
    made = await registration(world, stepped, device, challenge=anonymous.challenge)

    with pytest.raises(PasskeyInvalid):
        await world.add_passkey(stepped, made)
    assert offered.challenge != anonymous.challenge


async def test_a_challenge_dies_with_the_sessions_of_its_user(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    made = await registration(world, stepped, device)
    await world.change(stepped.user, generation=stepped.user.generation + 1)

    with pytest.raises(TokenRejected):
        await world.add_passkey(stepped, made)


async def test_a_user_who_is_deleted_at_the_same_moment_leaves_no_passkey(
    world: World, stepped: Principal, device: Authenticator
) -> None:
    world.passkeys = Meanwhile(world, stepped)
    made = await registration(world, stepped, device)

    with pytest.raises(TokenRejected):
        await world.add_passkey(stepped, made)

    assert await world.passkeys.of_user(stepped.user.id) == []


class Meanwhile(MemoryPasskeys):
    """Deletes the user right after a passkey was added."""

    def __init__(self, world: World, me: Principal) -> None:
        super().__init__()
        self.world, self.me = world, me

    @override
    async def add(self, passkey: Passkey, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        added = await super().add(passkey, effects)
        await self.world.users.delete(self.me.user.id)
        return added


async def test_recovery_codes_survive_a_change_of_the_factors_in_between(
    world: World, me: Principal
) -> None:
    none = await world.second_factors.of_user(me.user.id)
    failed = none.after_failure(world.clock())
    original = world.second_factors.of_user
    stale = iter([none])

    async def of_user(user_id: Any) -> Any:
        return next(stale, None) or await original(user_id)

    await world.second_factors.replace(none, failed)
    world.second_factors.of_user = of_user  # type: ignore[method-assign]

    codes = await world.add_recovery_codes(me.user)

    assert len(codes) == 10
    assert len((await original(me.user.id)).recovery_codes) == 10


class RevokedMeanwhile(MemoryPasskeys):
    """Ends all sessions of the user, or one, right after a passkey was added."""

    def __init__(self, world: World, *, ends_all: bool) -> None:
        super().__init__()
        self.world, self.ends_all = world, ends_all

    @override
    async def add(self, passkey: Passkey, effects: Effects = NO_EFFECTS) -> Stored[bool]:
        added = await super().add(passkey, effects)
        user = await self.world.users.get(passkey.user_id)
        assert user is not None
        if self.ends_all:
            await self.world.users.replace(user, user.without_sessions())
        for session in await self.world.sessions.of_user(user.id):
            await self.world.sessions.delete(user.id, session.id)
        return added


@pytest.mark.parametrize("ends_all", [True, False])
async def test_a_revocation_at_the_same_moment_wins(
    world: World, stepped: Principal, device: Authenticator, ends_all: bool
) -> None:
    world.passkeys = RevokedMeanwhile(world, ends_all=ends_all)
    made = await registration(world, stepped, device)

    with pytest.raises(TokenRejected):
        await world.add_passkey(stepped, made)

    assert await world.passkeys.of_user(stepped.user.id) == []
    user = await world.users.get(stepped.user.id)
    assert user is not None
    assert not user.has_second_factor
    assert (await world.second_factors.of_user(user.id)).recovery_codes == frozenset()
    kinds = [each.type for each in world.events.events]
    assert kinds[-2:] == [EventType.ADD_PASSKEY, EventType.REMOVE_PASSKEY]
    await world.log_in()
