"""Adding and removing an authenticator app."""

import asyncio
from dataclasses import replace

import pytest
from typing_extensions import override

from application.enrolment.totp import EnrolledTotp
from application.ports import NO_EFFECTS, Effects, Stored
from application.registration_policy import EmailVerification, RegistrationPolicy
from application.second_factors.policy import SecondFactorPolicy
from domain.actor import Operator, Principal
from domain.audit.event import Event, EventType
from domain.authentication import Level, Method
from domain.errors import (
    EmailUnverified,
    NotFound,
    SecondFactorInvalid,
    SecondFactorRequired,
    SecondFactorsOff,
    StepUpRequired,
    TokenRejected,
)
from domain.mail.message import MailKind
from domain.outcome import Outcome
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.second_factors.factors import MAX_FAILURES, PENDING_LIFETIME, SecondFactors
from domain.session import STEP_UP_LIFETIME, Session, Transport
from domain.token import TokenKind
from domain.user import User
from doorward.conformance.second_factors.test_passkeys import a_passkey
from infrastructure.signing.factor_secrets import SealedFactors
from infrastructure.storage.memory.second_factors import MemorySecondFactors
from infrastructure.storage.no_second_factors import NoSecondFactors
from tests.support.builders import PASSWORD, SECOND
from tests.support.factors import code_of_app, enrolled, stepped_up
from tests.support.world import World
from tests.unit.application.attempts import limited

HERE = RequestContext("192.0.2.7", agent="a browser")


@pytest.fixture
async def stepped(world: World, me: Principal) -> Principal:
    return await stepped_up(world, me)


async def enrol(world: World, me: Principal) -> EnrolledTotp:
    proposed = await world.propose_totp(me)
    return await world.confirm_totp(me, code_of_app(world, proposed.secret), HERE)


async def principal(world: World, done: EnrolledTotp) -> Principal:
    return await world.authenticate(done.logged_in.tokens.access)


async def sessions(world: World, user: User) -> list[Session]:
    return list(await world.sessions.of_user(user.id))


def events(world: World, kind: EventType) -> list[Event]:
    return [each for each in world.events.events if each.type is kind]


async def notices(world: World) -> list[str]:
    queued = [each.message for each in await world.outbox.page(None, None, 99)]
    return sorted(
        each.facts["change"] for each in queued if each.kind is MailKind.SECOND_FACTORS_CHANGED
    )


async def test_a_proposed_secret_is_no_factor_yet(world: World, stepped: Principal) -> None:
    proposed = await world.propose_totp(stepped)

    assert f"secret={proposed.secret}&issuer=Doorward" in proposed.uri
    assert proposed.secret not in str(proposed)
    assert (await world.find_factors(stepped.user)).methods == []
    await world.log_in()


async def test_a_code_makes_the_proposed_secret_a_factor(world: World, stepped: Principal) -> None:
    done = await enrol(world, stepped)

    with pytest.raises(SecondFactorRequired) as refused:
        await world.log_in()
    assert refused.value.methods == [Method.TOTP, Method.RECOVERY_CODE]
    assert len(set(done.recovery_codes)) == 10
    assert done.recovery_codes[0] not in str(done)
    user = await world.users.get(stepped.user.id)
    assert user
    assert user.has_second_factor
    [event] = events(world, EventType.ENROL_TOTP)
    assert (event.outcome, event.session_id) == (Outcome.SUCCESS, stepped.session.id)
    assert await notices(world) == ["totp_enrolled"]


async def test_an_enrolment_leaves_one_session_of_the_second_level(
    world: World, stepped: Principal
) -> None:
    assert len(await sessions(world, stepped.user)) == 3

    done = await enrol(world, stepped)

    [session] = await sessions(world, stepped.user)
    claims = world.signer.verify(done.logged_in.tokens.access, TokenKind.ACCESS)
    assert session.id == claims.session_id != stepped.session.id
    assert session.methods == {Method.PASSWORD, Method.TOTP}
    assert session.level is Level.TWO
    assert session.allows_sensitive_steps(world.clock())
    assert done.logged_in.transport is Transport.COOKIE
    user = (await principal(world, done)).user
    assert world.devices.recognise(done.logged_in.device_token, user)
    with pytest.raises(TokenRejected):
        await world.reload_principal(stepped)


async def test_the_codes_that_are_shown_log_in(world: World, stepped: Principal) -> None:
    done = await enrol(world, stepped)
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login("ada@example.org", PASSWORD, HERE)

    await world.login_with_second_factor(
        refused.value.challenge, Method.RECOVERY_CODE, done.recovery_codes[3], HERE
    )


async def test_the_code_that_confirmed_is_used_up(world: World, stepped: Principal) -> None:
    proposed = await world.propose_totp(stepped)
    code = code_of_app(world, proposed.secret)
    await world.confirm_totp(stepped, code, HERE)
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login("ada@example.org", PASSWORD, HERE)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(refused.value.challenge, Method.TOTP, code, HERE)


async def test_a_secret_is_proposed_after_a_step_up_only(world: World, me: Principal) -> None:
    with pytest.raises(StepUpRequired):
        await world.propose_totp(me)

    assert (await world.second_factors.of_user(me.user.id)).pending is None


async def test_another_app_replaces_the_former_one_and_its_codes(
    world: World, stepped: Principal
) -> None:
    first = await enrol(world, stepped)
    again = await enrol(world, await principal(world, first))

    stored = await world.second_factors.of_user(stepped.user.id)
    assert len(stored.recovery_codes) == 10
    assert set(first.recovery_codes).isdisjoint(again.recovery_codes)
    assert len(await sessions(world, stepped.user)) == 1


async def test_a_secret_waits_ten_minutes_for_its_code(world: World, stepped: Principal) -> None:
    proposed = await world.propose_totp(stepped)
    world.clock.advance(PENDING_LIFETIME)

    with pytest.raises(SecondFactorInvalid):
        await world.confirm_totp(stepped, code_of_app(world, proposed.secret))


async def test_a_secret_is_confirmed_in_the_session_that_has_asked(
    world: World, stepped: Principal
) -> None:
    """It ends with that session: an attacker who is logged out cannot come back to it."""
    proposed = await world.propose_totp(stepped)
    other = await world.authenticate((await world.log_in()).access)

    with pytest.raises(SecondFactorInvalid):
        await world.confirm_totp(other, code_of_app(world, proposed.secret))


async def test_the_secret_of_a_later_proposal_counts(world: World, stepped: Principal) -> None:
    former, later = await world.propose_totp(stepped), await world.propose_totp(stepped)

    with pytest.raises(SecondFactorInvalid):
        await world.confirm_totp(stepped, code_of_app(world, former.secret))

    await world.confirm_totp(stepped, code_of_app(world, later.secret))


async def test_wrong_codes_lock_the_second_factor(world: World, stepped: Principal) -> None:
    proposed = await world.propose_totp(stepped)
    for _ in range(MAX_FAILURES):
        with pytest.raises(SecondFactorInvalid):
            await world.confirm_totp(stepped, "000000")

    with pytest.raises(SecondFactorInvalid):
        await world.confirm_totp(stepped, code_of_app(world, proposed.secret))

    outcomes = {each.outcome for each in events(world, EventType.ENROL_TOTP)}
    assert outcomes == {Outcome.SECOND_FACTOR_INVALID}
    assert len(await sessions(world, stepped.user)) == 3


async def test_a_secret_that_cannot_be_decrypted_is_not_confirmed(
    world: World, stepped: Principal
) -> None:
    proposed = await world.propose_totp(stepped)
    world.factor_secrets = SealedFactors([b"another".ljust(32)])

    with pytest.raises(SecondFactorInvalid):
        await world.confirm_totp(stepped, code_of_app(world, proposed.secret))


async def test_an_address_is_proven_before_a_factor_is_added(
    world: World, stepped: Principal
) -> None:
    proposed = await world.propose_totp(stepped)
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)

    with pytest.raises(EmailUnverified):
        await world.propose_totp(stepped)
    with pytest.raises(EmailUnverified):
        await world.confirm_totp(stepped, code_of_app(world, proposed.secret))

    await world.change(stepped.user, verified=True)
    await enrol(world, stepped)


async def test_factors_need_a_secret_outside_the_database(
    world: World, stepped: Principal
) -> None:
    world.factor_secrets = SealedFactors([])

    with pytest.raises(SecondFactorsOff):
        await world.propose_totp(stepped)
    with pytest.raises(SecondFactorsOff):
        await world.confirm_totp(stepped, "000000")


async def test_no_factor_is_added_where_second_factors_are_off(
    world: World, stepped: Principal
) -> None:
    proposed = await world.propose_totp(stepped)
    world.second_factor_policy = SecondFactorPolicy.OFF

    with pytest.raises(SecondFactorsOff):
        await world.propose_totp(stepped)
    with pytest.raises(SecondFactorsOff):
        await world.confirm_totp(stepped, code_of_app(world, proposed.secret))


async def test_factors_need_a_store(world: World, stepped: Principal) -> None:
    world.second_factors = NoSecondFactors()

    with pytest.raises(SecondFactorsOff):
        await world.propose_totp(stepped)


async def test_proposals_and_codes_are_limited(world: World, stepped: Principal) -> None:
    world.limits = limited(2, "change_account")
    await enrol(world, stepped)

    with pytest.raises(TooManyRequests):
        await world.confirm_totp(stepped, "000000")


async def test_a_removed_app_leaves_no_factor_and_no_recovery_code(
    world: World, stepped: Principal
) -> None:
    me = await principal(world, await enrol(world, stepped))
    await world.change(me.user, name="Ada")  # the removal does not depend on what it has read

    done = await world.remove_totp(me, HERE)

    stored = await world.second_factors.of_user(me.user.id)
    assert (stored.totp, stored.pending, stored.recovery_codes) == (None, None, frozenset())
    [session] = await sessions(world, me.user)
    assert session.id == world.signer.verify(done.tokens.access, TokenKind.ACCESS).session_id
    assert not session.allows_sensitive_steps(world.clock()), "a removal proves nothing"
    user = await world.users.get(me.user.id)
    assert user
    assert not user.has_second_factor
    await world.log_in()
    assert await notices(world) == ["totp_enrolled", "totp_removed"]
    [event] = events(world, EventType.REMOVE_TOTP)
    assert event.outcome is Outcome.SUCCESS


async def test_an_app_without_recovery_codes_is_removed(world: World, stepped: Principal) -> None:
    me = await principal(world, await enrol(world, stepped))
    stored = await world.second_factors.of_user(me.user.id)
    await world.second_factors.replace(stored, stored.with_recovery_codes(frozenset()))

    await world.remove_totp(me)

    await world.log_in()


async def test_a_passkey_keeps_the_recovery_codes_of_a_removed_app(
    world: World, stepped: Principal
) -> None:
    me = await principal(world, await enrol(world, stepped))
    await world.passkeys.handle_of(me.user.id, b"a handle")
    assert (await world.passkeys.add(a_passkey(me.user.id))).changed

    await world.remove_totp(me)

    user = await world.users.get(me.user.id)
    assert user
    assert user.has_second_factor
    assert (await world.find_factors(user)).methods == [Method.PASSKEY, Method.RECOVERY_CODE]


async def test_an_app_is_removed_after_a_step_up_with_it(world: World, me: Principal) -> None:
    user = await enrolled(world, me.user)
    me = Principal(user, await world.renew_session(me.session, user))

    with pytest.raises(StepUpRequired) as refused:
        await world.remove_totp(me)

    assert refused.value.methods == [Method.TOTP, Method.RECOVERY_CODE]
    assert (await world.second_factors.of_user(user.id)).totp


async def test_an_app_that_is_not_there_is_not_removed(world: World, stepped: Principal) -> None:
    with pytest.raises(NotFound):
        await world.remove_totp(stepped)

    assert len(await sessions(world, stepped.user)) == 3


async def test_a_session_that_is_ended_meanwhile_is_not_renewed(
    world: World, stepped: Principal
) -> None:
    """A revocation wins. The factor is there all the same: it was stored first."""
    adjust, codes = world.adjust_account, await enrol(world, stepped)
    me = await principal(world, codes)
    await world.change(me.user, generation=me.user.generation + 1)

    with pytest.raises(TokenRejected):
        await adjust(me, HERE, frozenset({Method.TOTP}))

    user = await world.users.get(me.user.id)
    assert user
    assert user.has_second_factor
    assert not [each for each in await sessions(world, user) if each.is_good_for(user)]


async def test_a_user_who_is_deleted_meanwhile_leaves_no_factor(
    world: World, stepped: Principal
) -> None:
    me = await principal(world, await enrol(world, stepped))
    stored = await world.second_factors.of_user(me.user.id)
    await world.delete_user(Operator(), me.user.id)
    none = await world.second_factors.of_user(me.user.id)
    assert (await world.second_factors.replace(none, stored)).changed

    with pytest.raises(TokenRejected):
        await world.adjust_account(me, HERE)

    assert await world.second_factors.of_user(me.user.id) == none


class Changing(MemorySecondFactors):
    """Changes the factors before the first replacement, as another process may."""

    was_changed = False

    @override
    async def replace(
        self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        if not self.was_changed and old.pending is not None:
            self.was_changed = True
            await super().replace(old, replace(old, failures=3))
        return await super().replace(old, new, effects)


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_verdict_counts_on_the_factors_as_they_are(
    world: World, me: Principal, *, is_right: bool
) -> None:
    world.second_factors = Changing()
    me = await stepped_up(world, me)
    proposed = await world.propose_totp(me)

    if is_right:
        await world.confirm_totp(me, code_of_app(world, proposed.secret))
    else:
        with pytest.raises(SecondFactorInvalid):
            await world.confirm_totp(me, "000000")

    failures = (await world.second_factors.of_user(me.user.id)).failures
    assert failures == (3 if is_right else 1)  # a window of its own: none had begun


async def test_of_parallel_confirmations_one_answers_codes_that_are_good(
    world: World, stepped: Principal
) -> None:
    proposed = await world.propose_totp(stepped)
    code = code_of_app(world, proposed.secret)

    done = await asyncio.gather(
        *(world.confirm_totp(stepped, code, HERE) for _ in range(10)), return_exceptions=True
    )

    good = [each for each in done if isinstance(each, EnrolledTotp)]
    assert len(good) == 1
    assert len(await sessions(world, stepped.user)) == 1


async def test_a_removal_beside_a_confirmation_leaves_the_account_as_the_factors_are(
    world: World, stepped: Principal
) -> None:
    me = await principal(world, await enrol(world, stepped))
    proposed = await world.propose_totp(me)
    world.clock.advance(SECOND * 30)
    assert SECOND * 30 < STEP_UP_LIFETIME

    await asyncio.gather(
        world.remove_totp(me),
        world.confirm_totp(me, code_of_app(world, proposed.secret)),
        return_exceptions=True,
    )

    user = await world.users.get(me.user.id)
    assert user
    assert user.has_second_factor == bool((await world.find_factors(user)).methods)
    good = [each for each in await sessions(world, user) if each.is_good_for(user)]
    assert len(good) <= 1


async def test_the_transport_of_the_session_is_kept(world: World, me: Principal) -> None:
    by_bearer = replace(me.session, transport=Transport.BEARER)
    assert (await world.sessions.replace(me.session, by_bearer)).changed

    done = await enrol(world, await stepped_up(world, Principal(me.user, by_bearer)))

    assert done.logged_in.transport is Transport.BEARER
