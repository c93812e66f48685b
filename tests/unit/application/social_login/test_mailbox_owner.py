"""The reader of a mailbox may be another person than the one who has linked identities."""

from collections.abc import Awaitable, Callable

import pytest

from application.accounts.email_verification import NO_PROOF, RegistrantProof
from application.registration_policy import EmailVerification, RegistrationPolicy
from domain.actor import Principal
from domain.errors import LinkRequired, OneTimeTokenInvalid
from domain.mail.message import MailKind
from domain.request_context import RequestContext
from tests.support.builders import PASSWORD
from tests.support.social_login import an_account, linked, with_provider
from tests.support.world import World

ADA, NEW = "ada@example.org", "a better one than before"
READER = RequestContext("192.0.2.1")
PROOF = RegistrantProof(PASSWORD)


async def link(world: World, kind: MailKind) -> str:
    letters = await world.read_mail()
    return next(each.token for each in letters if each.kind is kind and each.token)


async def verify(world: World, _me: Principal, proof: RegistrantProof) -> None:
    world.policy = RegistrationPolicy(email_verification=EmailVerification.OPTIONAL)
    await world.request_email_verification(ADA)
    await world.verify_email(await link(world, MailKind.EMAIL_VERIFICATION), proof, READER)


async def change_email(world: World, me: Principal, proof: RegistrantProof) -> None:
    await world.request_email_change(me, "new@example.org", PASSWORD)
    await world.confirm_email_change(await link(world, MailKind.EMAIL_CHANGE), proof, READER)


async def undo(world: World, me: Principal, _proof: RegistrantProof) -> None:
    await change_email(world, me, PROOF)
    await world.undo_email_change(await link(world, MailKind.EMAIL_CHANGED), READER)


async def reset(world: World, _me: Principal, _proof: RegistrantProof) -> None:
    await world.request_password_reset(ADA)
    await world.reset_password(await link(world, MailKind.PASSWORD_RESET), NEW)


async def verified_reset(world: World, me: Principal, proof: RegistrantProof) -> None:
    await world.change(me.user, verified=True)
    await reset(world, me, proof)


Act = Callable[[World, Principal, RegistrantProof], Awaitable[None]]
CASES: dict[str, tuple[Act, RegistrantProof, bool]] = {
    "a proof of the address alone": (verify, NO_PROOF, False),
    "a proof of the address by its registrant": (verify, PROOF, True),
    "a change of address alone": (change_email, NO_PROOF, False),
    "a change of address by its registrant": (change_email, PROOF, True),
    "an undo": (undo, NO_PROOF, False),
    "a new password for an address that was not proven": (reset, NO_PROOF, False),
    "a new password for a proven address": (verified_reset, NO_PROOF, True),
}


@pytest.mark.parametrize(("act", "proof", "stays"), CASES.values(), ids=CASES)
async def test_identities_fall_with_the_password(
    world: World, me: Principal, act: Act, proof: RegistrantProof, stays: bool
) -> None:
    with_provider(world)
    identity = await linked(world, me.user)

    await act(world, me, proof)

    assert await world.identities.of_user(me.user.id) == ([identity] if stays else [])
    if stays:
        await world.login_with_identity(an_account())
    elif act is not change_email:  # which has made the address free, and reserved
        with pytest.raises(LinkRequired):
            await world.login_with_identity(an_account())


async def test_a_change_of_address_that_a_stranger_has_begun_ends_with_the_take_over(
    world: World, me: Principal
) -> None:
    with_provider(world)
    await world.request_email_change(me, "stranger@example.org", PASSWORD)
    delivered = await link(world, MailKind.EMAIL_CHANGE)
    await world.request_email_change(me, "later@example.org", PASSWORD)  # waits for delivery

    await world.login_with_identity(an_account())

    with pytest.raises(OneTimeTokenInvalid):
        await world.confirm_email_change(delivered, NO_PROOF, READER)
    changes = [each for each in await world.read_mail() if each.kind is MailKind.EMAIL_CHANGE]
    assert [each.token for each in changes if each.to == "later@example.org"] == []
    stored = await world.users.get(me.user.id)
    assert stored is not None
    assert stored.email.address == ADA
