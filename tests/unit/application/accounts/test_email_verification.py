"""The proof of an address by the link of a mail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from application.accounts.email_verification import NO_PROOF, RegistrantProof
from application.mail.messages import MailPolicy
from application.rate_limiting import RateLimits
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.actor import Operator
from domain.errors import (
    EmailTaken,
    EmailUnverified,
    InvalidCredentials,
    InvalidInput,
    MailOff,
    OneTimeTokenInvalid,
    WrongPassword,
)
from domain.mail.message import MailKind
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.user import User
from tests.support.builders import PASSWORD, SECOND
from tests.support.world import World

ADA, EVE = "ada@example.org", "eve@example.org"
HERE = RequestContext("192.0.2.1")
OPTIONAL = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
REQUIRED = RegistrationPolicy(email_verification=EmailVerification.REQUIRED)
SILENT = replace(REQUIRED, discloses=False)


async def link(world: World, email: str = ADA) -> str:
    """Return the token of a link that was requested for this address."""
    await world.request_email_verification(email)
    [letter] = await world.read_mail()
    assert letter.kind is MailKind.EMAIL_VERIFICATION
    assert letter.token
    return letter.token


async def user_of(world: World, user: User) -> User:
    stored = await world.users.get(user.id)
    assert stored is not None
    return stored


async def test_a_request_sends_a_link_to_the_address_of_the_user(world: World) -> None:
    await world.sign_up()

    await world.request_email_verification("ADA@example.org")

    [letter] = await world.read_mail()
    assert (letter.kind, letter.to) == (MailKind.EMAIL_VERIFICATION, ADA)
    assert letter.expires_at - letter.created_at == timedelta(days=1)


async def test_a_request_chooses_a_configured_page_for_the_link(world: World) -> None:
    page = "https://app.example.com/verify"
    world.mail_policy = MailPolicy(link_targets=frozenset({page}))
    await world.sign_up()

    await world.request_email_verification(ADA, page)

    assert [letter.link_target for letter in await world.read_mail()] == [page]
    with pytest.raises(InvalidInput):
        await world.request_email_verification(ADA, "https://evil.example")


async def test_an_address_of_no_user_and_a_verified_one_get_no_link(world: World) -> None:
    user = await world.sign_up()
    await world.change(user, verified=True)

    for email in (ADA, EVE):
        await world.request_email_verification(email)

    assert await world.read_mail() == []


async def test_without_mail_a_request_is_refused(world: World) -> None:
    world.mail_policy = MailPolicy(is_on=False)

    with pytest.raises(MailOff):
        await world.request_email_verification(ADA)


async def test_over_the_limit_a_request_sends_nothing_and_does_not_say_so(world: World) -> None:
    world.limits = RateLimits(mail_recipient=RateLimit("mail", 1, timedelta(hours=1)))
    await world.sign_up()

    for _ in range(2):
        await world.request_email_verification(ADA)

    assert len(await world.read_mail()) == 1


async def by_password(_world: World) -> tuple[RegistrantProof, RequestContext]:
    return RegistrantProof(PASSWORD), HERE


async def by_session(world: World) -> tuple[RegistrantProof, RequestContext]:
    return RegistrantProof(access_token=(await world.log_in()).access), HERE


async def by_device(world: World) -> tuple[RegistrantProof, RequestContext]:
    logged_in = await world.login(ADA, PASSWORD)
    return NO_PROOF, replace(HERE, device_token=logged_in.device_token)


Proof = Callable[[World], Awaitable[tuple[RegistrantProof, RequestContext]]]


@pytest.mark.parametrize("prove", [by_password, by_session, by_device])
async def test_the_registrant_verifies_the_address_and_keeps_the_password(
    world: World, prove: Proof
) -> None:
    user = await world.sign_up()
    proof, caller = await prove(world)
    sessions = await world.sessions.of_user(user.id)
    token = await link(world)
    world.clock.advance(SECOND)

    assert await world.verify_email(token, proof, caller)

    now = world.clock()
    assert await user_of(world, user) == replace(user, verified=True, updated_at=now)
    assert await world.sessions.of_user(user.id) == sessions
    assert await world.read_mail() == []
    await world.log_in()


async def test_a_link_works_once(world: World) -> None:
    await world.sign_up()
    token = await link(world)
    await world.verify_email(token, RegistrantProof(PASSWORD))

    for proof in (NO_PROOF, RegistrantProof(PASSWORD)):
        with pytest.raises(OneTimeTokenInvalid):
            await world.verify_email(token, proof)
    await world.log_in()


async def test_of_twenty_parallel_uses_one_verifies(world: World) -> None:
    await world.sign_up()
    tokens = [await link(world), await link(world)]

    results = await asyncio.gather(
        *(world.verify_email(token) for token in tokens * 10), return_exceptions=True
    )

    assert [each for each in results if not isinstance(each, OneTimeTokenInvalid)] == [False]
    assert [letter.kind for letter in await world.read_mail()] == [MailKind.PASSWORD_RESET]


async def test_a_wrong_password_verifies_nothing_and_leaves_the_link_usable(world: World) -> None:
    user = await world.sign_up()
    token = await link(world)

    with pytest.raises(WrongPassword):
        await world.verify_email(token, RegistrantProof("a wrong password"))

    assert await user_of(world, user) == user
    assert await world.verify_email(token, RegistrantProof(PASSWORD))


async def test_a_token_of_another_session_is_no_proof(world: World) -> None:
    await world.sign_up()
    await world.sign_up(EVE)
    eve = await world.login(EVE, PASSWORD)
    proof = RegistrantProof(access_token=eve.tokens.access)
    token = await link(world)

    assert not await world.verify_email(token, proof, replace(HERE, device_token=eve.device_token))


async def test_a_token_of_an_ended_session_is_no_proof(world: World) -> None:
    await world.sign_up()
    pair = await world.log_in()
    await world.logout(pair.access, None)

    assert not await world.verify_email(
        await link(world), RegistrantProof(access_token=pair.access)
    )


async def test_uses_of_links_are_counted(world: World) -> None:
    world.limits = RateLimits(link_address=RateLimit("link", 2, timedelta(hours=1)))

    for _ in range(2):
        with pytest.raises(OneTimeTokenInvalid):
            await world.verify_email("unknown", caller=HERE)

    with pytest.raises(TooManyRequests):
        await world.verify_email("unknown", caller=HERE)


async def test_a_user_who_is_verified_otherwise_loses_nothing_by_an_old_link(world: World) -> None:
    user = await world.sign_up()
    token = await link(world)
    await world.change(user, verified=True)

    with pytest.raises(OneTimeTokenInvalid):
        await world.verify_email(token)

    await world.log_in()


async def test_a_verification_enables_no_disabled_account(world: World) -> None:
    user = await world.sign_up()
    token = await link(world)
    await world.change(user, disabled=True)

    await world.verify_email(token, RegistrantProof(PASSWORD))

    with pytest.raises(InvalidCredentials):
        await world.log_in()


@pytest.mark.parametrize("policy", [OPTIONAL, REQUIRED, SILENT])
async def test_a_new_user_gets_a_link_and_a_token_of_this_device(
    world: World, policy: RegistrationPolicy
) -> None:
    world.policy = policy

    registered = await world.register("Ada", ADA, PASSWORD, replace(HERE, locale="de"))

    [letter] = await world.read_mail()
    assert (letter.kind, letter.to, letter.locale) == (MailKind.EMAIL_VERIFICATION, ADA, "de")
    assert letter.token
    caller = replace(HERE, device_token=registered.device_token)
    assert await world.verify_email(letter.token, caller=caller)
    await world.log_in()


async def test_a_created_user_gets_a_link(world: World) -> None:
    world.policy = OPTIONAL

    await world.create_user(Operator(), "Ada", ADA, PASSWORD)

    assert [letter.kind for letter in await world.read_mail()] == [MailKind.EMAIL_VERIFICATION]


async def test_without_verification_a_new_user_gets_no_mail(world: World) -> None:
    registered = await world.register("Ada", ADA, PASSWORD)
    await world.create_user(Operator(), "Eve", EVE, PASSWORD)

    assert registered.device_token is None
    assert await world.read_mail() == []


async def test_over_the_limit_of_mails_users_register_all_the_same(world: World) -> None:
    world.policy = OPTIONAL
    world.limits = RateLimits(mail=RateLimit("mail", 1, timedelta(hours=1)))

    for email in (ADA, EVE):
        await world.register("Ada", email, PASSWORD)

    assert [letter.to for letter in await world.read_mail()] == [ADA]
    await world.log_in(EVE)


async def test_registrations_with_a_taken_address_use_up_no_mail_of_its_owner(
    world: World,
) -> None:
    world.policy = OPTIONAL
    world.limits = RateLimits(mail_recipient=RateLimit("mail", 2, timedelta(hours=1)))
    await world.sign_up()
    for _ in range(3):
        with pytest.raises(EmailTaken):
            await world.sign_up()

    await world.request_password_reset(ADA)

    assert [letter.kind for letter in await world.read_mail()] == [
        MailKind.EMAIL_VERIFICATION,
        MailKind.PASSWORD_RESET,
    ]


async def test_users_log_in_after_the_required_verification_only(world: World) -> None:
    world.policy = REQUIRED
    user = await world.sign_up()
    [letter] = await world.read_mail()

    with pytest.raises(EmailUnverified):
        await world.log_in()

    assert await world.sessions.of_user(user.id) == []
    assert await world.read_mail() == []
    assert letter.token
    await world.verify_email(letter.token, RegistrantProof(PASSWORD))
    await world.log_in()


async def test_only_the_right_password_discloses_that_an_address_is_unverified(
    world: World,
) -> None:
    world.policy = REQUIRED
    await world.sign_up()
    world.hasher.computed.clear()

    for email in (ADA, EVE):
        with pytest.raises(InvalidCredentials):
            await world.login(email, "a wrong password")

    assert len(world.hasher.computed) == 2


async def test_a_disabled_unverified_user_learns_nothing_from_the_right_password(
    world: World,
) -> None:
    world.policy = REQUIRED
    user = await world.sign_up()
    await world.change(user, disabled=True)

    with pytest.raises(InvalidCredentials):
        await world.log_in()


async def test_sessions_from_before_the_verification_was_required_are_refreshed(
    world: World,
) -> None:
    await world.sign_up()
    pair = await world.log_in()

    world.policy = REQUIRED

    await world.authenticate((await world.refresh(pair.refresh)).access)


class TestSilentRegistration:
    """``REGISTRATION_DISCLOSES=false``."""

    async def test_a_taken_address_is_registered_as_a_new_one_and_its_owner_gets_a_mail(
        self, world: World
    ) -> None:
        user = await world.sign_up()
        world.policy = SILENT
        made = world.hasher.made

        taken = await world.register("Eve", "ADA@example.org", PASSWORD, HERE)
        new = await world.register("Eve", EVE, PASSWORD, HERE)

        assert world.hasher.made == made + 2
        assert taken.device_token
        assert new.device_token
        assert len(taken.device_token) == len(new.device_token)
        letters = {letter.to: letter.kind for letter in await world.read_mail()}
        assert letters == {ADA: MailKind.ALREADY_REGISTERED, EVE: MailKind.EMAIL_VERIFICATION}
        assert await user_of(world, user) == user
        assert [event.outcome for event in world.events.events[-2:]] == ["email_taken", "success"]

    async def test_the_device_token_of_a_taken_address_is_not_one_of_its_user(
        self, world: World
    ) -> None:
        user = await world.sign_up()
        world.policy = SILENT

        taken = await world.register("Eve", ADA, PASSWORD, HERE)

        assert world.devices.recognise(taken.device_token, user) is None

    async def test_the_owner_gets_no_more_mails_than_the_limit(self, world: World) -> None:
        await world.sign_up()
        world.policy = SILENT
        world.limits = RateLimits(mail_recipient=RateLimit("mail", 1, timedelta(hours=1)))

        for _ in range(2):
            await world.register("Eve", ADA, PASSWORD, HERE)

        assert len(await world.read_mail()) == 1

    async def test_a_login_does_not_disclose_whether_the_registration_stored_a_user(
        self, world: World
    ) -> None:
        """Neither by its error nor by its limit."""
        await world.sign_up()
        world.policy = SILENT
        world.limits = RateLimits(login_account=RateLimit("login", 2, timedelta(hours=1)))
        await world.register("Eve", ADA, "the attacker's password")
        await world.register("Eve", EVE, "the attacker's password")

        for email in (ADA, EVE):
            for _ in range(2):
                with pytest.raises(InvalidCredentials):
                    await world.login(email, "the attacker's password", HERE)
            with pytest.raises(TooManyRequests):
                await world.login(email, "the attacker's password", HERE)

    async def test_the_device_of_a_registration_has_no_attempts_that_disclose_it(
        self, world: World
    ) -> None:
        await world.sign_up()
        world.policy = SILENT
        world.limits = RateLimits(login_account=RateLimit("login", 2, timedelta(hours=1)))

        for email in (ADA, EVE):
            registered = await world.register("Eve", email, "the attacker's password")
            device = replace(HERE, device_token=registered.device_token)
            for _ in range(2):
                with pytest.raises(InvalidCredentials):
                    await world.login(email, "a guess", device)
            with pytest.raises(TooManyRequests):
                await world.login(email, "a guess", device)

    async def test_otherwise_a_taken_address_is_disclosed(self, world: World) -> None:
        world.policy = OPTIONAL
        await world.sign_up()
        await world.read_mail()

        with pytest.raises(EmailTaken):
            await world.sign_up()
        assert await world.read_mail() == []
