"""A login of a user with a second factor: nothing before it, and each proof is good once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from domain.actor import Operator
from domain.audit.event import EventType
from domain.authentication import Level, Method
from domain.errors import SecondFactorInvalid, SecondFactorRequired
from domain.mail.message import MailKind
from domain.outcome import Outcome
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.second_factors import totp
from domain.second_factors.challenge import LIFETIME, MAX_TRIES, Ceremony, Challenge, digest_of
from domain.second_factors.factors import LOCK, MAX_FAILURES, SecondFactors
from domain.session import Session, Transport
from domain.token import TokenKind
from domain.user import User
from infrastructure.storage.memory.challenges import MemoryChallenges
from tests.support.builders import PASSWORD, a_user
from tests.support.factors import CODES, SECRET, enrolled
from tests.support.world import World
from tests.unit.application.attempts import limited

APP = RequestContext("192.0.2.1", agent="an app")
OTHER = RequestContext("192.0.2.1", agent="another app")


@pytest.fixture
async def ada(world: World) -> User:
    return await enrolled(world, await world.sign_up())


async def challenge(world: World, caller: RequestContext = APP) -> SecondFactorRequired:
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login("ada@example.org", PASSWORD, caller, Transport.BEARER)
    return refused.value


def code(world: World) -> str:
    return totp.code_at(SECRET, totp.step_at(world.clock()))


async def sessions(world: World, user: User) -> list[Session]:
    return list(await world.sessions.of_user(user.id))


async def test_a_password_starts_no_session_for_a_user_with_a_factor(
    world: World, ada: User
) -> None:
    asked = await challenge(world)

    assert asked.methods == [Method.TOTP, Method.RECOVERY_CODE]
    assert asked.expires_in == LIFETIME.total_seconds()
    assert await sessions(world, ada) == []
    assert world.events.events[-1].outcome is Outcome.SECOND_FACTOR_REQUIRED


async def test_a_code_completes_the_login_with_its_transport(world: World, ada: User) -> None:
    asked = await challenge(world)

    done = await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    claims = world.signer.verify(done.tokens.access, TokenKind.ACCESS)
    [session] = await sessions(world, ada)
    assert session.id == claims.session_id
    assert session.methods == {Method.PASSWORD, Method.TOTP}
    assert session.level is Level.TWO
    assert session.transport is Transport.BEARER
    assert world.events.events[-1].detail == "password totp"


async def test_a_recovery_code_is_good_once_and_its_user_is_told(world: World, ada: User) -> None:
    for is_good in (True, False):
        asked = await challenge(world)
        logging_in = world.login_with_second_factor(
            asked.challenge, Method.RECOVERY_CODE, CODES[0].lower(), APP
        )
        if is_good:
            await logging_in
            continue
        with pytest.raises(SecondFactorInvalid):
            await logging_in

    kinds = [each.message.kind for each in await world.outbox.page(None, None, 9)]
    assert MailKind.RECOVERY_CODE_USED in kinds
    assert len((await world.second_factors.of_user(ada.id)).recovery_codes) == len(CODES) - 1
    used = [each for each in world.events.events if each.type is EventType.USE_RECOVERY_CODE]
    assert [each.detail for each in used] == ["9 left"]


async def test_a_code_is_good_once_even_for_another_challenge(world: World, ada: User) -> None:
    first, second = await challenge(world), await challenge(world)
    await world.login_with_second_factor(first.challenge, Method.TOTP, code(world), APP)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(second.challenge, Method.TOTP, code(world), APP)

    assert len(await sessions(world, ada)) == 1


async def test_of_parallel_answers_to_one_challenge_one_logs_in(world: World, ada: User) -> None:
    asked = await challenge(world)
    answers = [(Method.TOTP, code(world)), *((Method.RECOVERY_CODE, each) for each in CODES[:3])]

    done = await asyncio.gather(
        *(world.login_with_second_factor(asked.challenge, *each, APP) for each in answers),
        return_exceptions=True,
    )

    assert [isinstance(each, SecondFactorInvalid) for each in done].count(False) == 1
    assert len(await sessions(world, ada)) == 1


@pytest.mark.usefixtures("ada")
async def test_a_challenge_is_for_the_client_that_asked(world: World) -> None:
    asked = await challenge(world)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), OTHER)

    await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)


async def test_a_known_device_has_to_answer_itself(world: World, ada: User) -> None:
    device = replace(APP, device_token=world.devices.issue(ada))
    asked = await challenge(world, device)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), device)


@pytest.mark.usefixtures("ada")
async def test_a_challenge_expires(world: World) -> None:
    asked = await challenge(world)
    world.clock.advance(LIFETIME)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)


async def test_a_challenge_dies_with_the_sessions_of_its_user(world: World, ada: User) -> None:
    asked = await challenge(world)
    await world.change(ada, generation=ada.generation + 1)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)


@pytest.mark.usefixtures("ada")
async def test_a_challenge_has_five_tries(world: World) -> None:
    asked = await challenge(world)
    for _ in range(MAX_TRIES):
        with pytest.raises(SecondFactorInvalid):
            await world.login_with_second_factor(asked.challenge, Method.TOTP, "000000", APP)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)


@pytest.mark.usefixtures("ada")
async def test_ten_failures_over_all_challenges_lock_the_second_factor(world: World) -> None:
    for attempt in range(MAX_FAILURES):
        asked = await challenge(world)
        method = [Method.TOTP, Method.RECOVERY_CODE, Method.FEDERATED][attempt % 3]
        with pytest.raises(SecondFactorInvalid):
            await world.login_with_second_factor(asked.challenge, method, "000000", APP)

    asked = await challenge(world)
    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    world.clock.advance(LOCK)
    asked = await challenge(world)
    await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)


async def test_a_wrong_factor_after_a_right_password_is_recorded_and_told(
    world: World, ada: User
) -> None:
    for _ in range(2):
        asked = await challenge(world)
        with pytest.raises(SecondFactorInvalid):
            await world.login_with_second_factor(asked.challenge, Method.TOTP, "000000", APP)

    event = world.events.events[-1]
    assert (event.type, event.outcome) == (EventType.LOGIN, Outcome.SECOND_FACTOR_INVALID)
    assert event.user_id == ada.id
    assert event.is_kept
    kinds = [each.message.kind for each in await world.outbox.page(None, None, 9)]
    assert kinds.count(MailKind.SECOND_FACTOR_FAILED) == 1


@pytest.mark.parametrize("secret", ["", "unknown", "x" * 101])
async def test_an_unknown_challenge_is_refused(world: World, secret: str) -> None:
    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(secret, Method.TOTP, "000000", APP)


async def test_a_secret_that_cannot_be_decrypted_accepts_nothing(world: World, ada: User) -> None:
    eve = await world.register("Eve", "eve@example.org", PASSWORD)
    stored = await world.second_factors.of_user(ada.id)
    swapped = replace(stored, user_id=eve.user.id)
    old = await world.second_factors.of_user(eve.user.id)
    assert (await world.second_factors.replace(old, swapped)).changed
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login("eve@example.org", PASSWORD, APP)

    for method, typed in [(Method.TOTP, code(world)), (Method.RECOVERY_CODE, CODES[0])]:
        with pytest.raises(SecondFactorInvalid):
            await world.login_with_second_factor(refused.value.challenge, method, typed, APP)


class Answered(MemoryChallenges):
    """Challenges that another process takes at the last moment."""

    @override
    async def take(self, digest: str) -> Challenge | None:
        await super().take(digest)
        return None


async def test_a_challenge_that_is_answered_meanwhile_logs_in_once(
    world: World, ada: User
) -> None:
    world.challenges = Answered()
    asked = await challenge(world)

    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    assert await sessions(world, ada) == []


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("shows_access", [True, False])
async def test_the_answer_has_the_form_that_the_login_asked_for(
    world: World, *, shows_access: bool
) -> None:
    with pytest.raises(SecondFactorRequired) as refused:
        await world.login("ada@example.org", PASSWORD, APP, shows_access=shows_access)

    done = await world.login_with_second_factor(
        refused.value.challenge, Method.TOTP, code(world), APP
    )

    assert (done.transport, done.shows_access) == (Transport.COOKIE, shows_access)


@pytest.mark.usefixtures("ada")
async def test_guesses_of_challenges_from_an_address_are_limited(world: World) -> None:
    world.limits = limited(2, "login_address")
    asked = await challenge(world)
    for _ in range(2):
        with pytest.raises(SecondFactorInvalid):
            await world.login_with_second_factor("a guess", Method.TOTP, code(world), APP)

    with pytest.raises(TooManyRequests) as refused:
        await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)

    assert refused.value.limit.name == "second-factor-address"
    await challenge(world)  # logins have a count of their own


async def test_a_device_of_the_user_passes_the_guesses_from_its_address(
    world: World, ada: User
) -> None:
    device = replace(APP, device_token=world.devices.issue(ada))
    strange = replace(APP, device_token=world.devices.issue(a_user()))
    known, unknown = [await challenge(world, each) for each in (device, strange)]
    world.limits = limited(1, "login_address")
    with pytest.raises(SecondFactorInvalid):
        await world.login_with_second_factor("a guess", Method.TOTP, code(world), APP)

    with pytest.raises(TooManyRequests):
        await world.login_with_second_factor(unknown.challenge, Method.TOTP, code(world), strange)
    await world.login_with_second_factor(known.challenge, Method.TOTP, code(world), device)


@pytest.mark.usefixtures("ada")
async def test_challenges_are_purged_an_hour_after_they_have_expired(world: World) -> None:
    asked = await challenge(world)
    world.clock.advance(LIFETIME + timedelta(hours=1))
    await world.purge_challenges()
    assert await world.challenges.count_try(digest_of(asked.challenge))

    world.clock.advance(timedelta(seconds=1))
    await world.purge_challenges()

    assert await world.challenges.count_try(digest_of(asked.challenge)) is None


async def test_one_run_purges_thousands_of_challenges(world: World, ada: User) -> None:
    secrets = [await world.issue_challenge(Ceremony.SECOND_FACTOR, ada) for _ in range(1100)]
    world.clock.advance(LIFETIME + timedelta(hours=2))

    await world.purge_challenges()

    assert {await world.challenges.count_try(digest_of(each)) for each in secrets} == {None}


async def test_a_session_keeps_its_methods_through_refreshes(world: World, ada: User) -> None:
    asked = await challenge(world)
    done = await world.login_with_second_factor(asked.challenge, Method.TOTP, code(world), APP)
    world.clock.advance(timedelta(minutes=5))

    await world.refresh(done.tokens.refresh, APP)

    [session] = await sessions(world, ada)
    assert session.methods == {Method.PASSWORD, Method.TOTP}
    assert session.authenticated_at == session.started_at
    assert session.stepped_up_at is None


async def test_a_deleted_user_leaves_no_factor_and_no_challenge(world: World, ada: User) -> None:
    asked = await challenge(world)

    await world.delete_user(Operator(), ada.id)

    assert await world.second_factors.of_user(ada.id) == SecondFactors(ada.id)
    assert await world.challenges.count_try(digest_of(asked.challenge)) is None
