"""An attacker registers with the address of another person, who uses the mailbox later."""

import pytest

from application.accounts.email_verification import RegistrantProof
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.audit.event import CauseOfEnd, EventType
from domain.email import Email
from domain.errors import InvalidCredentials, OneTimeTokenInvalid, TokenRejected, WrongPassword
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.request_context import RequestContext
from tests.support.world import World

ADA = "ada@example.org"
ATTACKER = RequestContext("198.51.100.1")
VICTIM = RequestContext("192.0.2.1")
THEIRS, OURS = "the attacker's password", "the owner's own password"


async def registered(world: World) -> tuple[str, str, str]:
    """Return the link, and the attacker's tokens of a session."""
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
    await world.register("Ada", ADA, THEIRS, ATTACKER)
    tokens = (await world.login(ADA, THEIRS, ATTACKER)).tokens
    [letter] = await world.read_mail()
    assert letter.token
    return letter.token, tokens.access, tokens.refresh


async def assert_attacker_is_out(world: World, access: str, refresh: str) -> None:
    with pytest.raises(TokenRejected):
        await world.authenticate(access)
    with pytest.raises(TokenRejected):
        await world.refresh(refresh)
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, THEIRS, ATTACKER)
    user = await world.users.by_email(Email.parse(ADA))
    assert user is not None
    assert user.verified
    assert await world.sessions.of_user(user.id) == []


async def test_a_click_of_the_victim_gives_the_attacker_no_verified_account(world: World) -> None:
    link, access, refresh = await registered(world)

    keeps_password = await world.verify_email(link, caller=VICTIM)

    assert not keeps_password
    await assert_attacker_is_out(world, access, refresh)
    [proof] = [each for each in world.events.events if each.type is EventType.VERIFY_EMAIL]
    assert (proof.cause_of_end, proof.detail) == (
        CauseOfEnd.PASSWORD,
        "password and sessions dropped",
    )


async def test_the_victim_sets_a_password_by_the_mail_that_follows(world: World) -> None:
    link, access, refresh = await registered(world)
    await world.verify_email(link, caller=VICTIM)
    [letter] = await world.read_mail()

    assert (letter.kind, letter.to) == (MailKind.PASSWORD_RESET, ADA)
    assert letter.token
    await world.reset_password(letter.token, OURS, VICTIM)

    await assert_attacker_is_out(world, access, refresh)
    await world.login(ADA, OURS, VICTIM)


async def test_the_victims_own_password_confirms_nothing(world: World) -> None:
    link, _, _ = await registered(world)

    with pytest.raises(WrongPassword):
        await world.verify_email(link, RegistrantProof(OURS), VICTIM)

    await world.login(ADA, THEIRS, ATTACKER)  # the victim has proven nothing yet


async def test_the_device_of_the_attacker_is_forgotten(world: World) -> None:
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
    registration = await world.register("Ada", ADA, THEIRS, ATTACKER)
    [letter] = await world.read_mail()
    assert letter.token
    await world.verify_email(letter.token, caller=VICTIM)

    user = await world.users.get(registration.user.id)

    assert user is not None
    assert world.devices.recognise(registration.device_token, user) is None


async def test_a_password_reset_by_the_victim_drops_what_the_attacker_left(world: World) -> None:
    link, access, refresh = await registered(world)
    await world.request_password_reset(ADA)
    [letter] = await world.read_mail()
    assert letter.token

    await world.reset_password(letter.token, OURS, VICTIM)

    await assert_attacker_is_out(world, access, refresh)
    with pytest.raises(OneTimeTokenInvalid):
        await world.find_token(link, Purpose.EMAIL_VERIFICATION)
