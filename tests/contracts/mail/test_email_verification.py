"""Proving an address on every backend: a link is used once, whatever happens beside it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from application.accounts.email_verification import RegistrantProof
from application.pagination import EventQuery
from domain.actor import Operator
from domain.email import Email
from domain.errors import OneTimeTokenInvalid
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.user import User
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.support.builders import PASSWORD
from tests.support.world import World

ADA, NEW = "ada@example.org", "countess@example.org"
BETTER = "a better one than before"


@pytest.fixture(params=schemes("users"))
async def world(request: pytest.FixtureRequest, signer: JwtSigner) -> AsyncIterator[World]:
    url = url_for(request.param, request)
    async with open_stores(url, url, PATIENT) as stores:
        yield World.on(signer, stores)


@pytest.fixture
async def ada(world: World) -> User:
    return await world.sign_up(ADA)


async def links(world: World) -> dict[MailKind, str]:
    return {each.kind: each.token for each in await world.read_mail() if each.token}


@pytest.mark.parametrize("proof", [RegistrantProof(PASSWORD), RegistrantProof()])
async def test_of_20_parallel_uses_of_a_link_one_verifies_the_address(
    world: World, ada: User, proof: RegistrantProof
) -> None:
    await world.request_email_verification(ADA)
    link = (await links(world))[MailKind.EMAIL_VERIFICATION]

    results = await asyncio.gather(
        *(world.verify_email(link, proof) for _ in range(20)), return_exceptions=True
    )

    [keeps] = [each for each in results if isinstance(each, bool)]
    refused = [each for each in results if not isinstance(each, bool)]
    assert {type(error) for error in refused} == {OneTimeTokenInvalid}
    user = await world.users.get(ada.id)
    assert user is not None
    assert user.verified
    assert (user == ada.with_verified_email(user.updated_at)) is keeps
    events = await world.audit_log.page(EventQuery(), None, 100)
    assert [each.event.type for each in events.items] == ["verify email", "register"]
    mails = [] if keeps else [MailKind.PASSWORD_RESET]
    assert [letter.kind for letter in await world.read_mail()] == mails


async def test_of_all_links_at_once_an_undo_wins_over_a_change_and_a_reset(
    world: World, ada: User
) -> None:
    """An owner who cancels a change gets the account, whichever use is stored first."""
    me = await world.authenticate((await world.login(ADA, PASSWORD)).tokens.access)
    await world.request_email_change(me, NEW, PASSWORD)
    await world.request_password_reset(ADA)
    await world.request_email_verification(ADA)
    link = await links(world)

    results = await asyncio.gather(
        world.confirm_email_change(link[MailKind.EMAIL_CHANGE], RegistrantProof(PASSWORD)),
        world.reset_password(link[MailKind.PASSWORD_RESET], BETTER),
        world.verify_email(link[MailKind.EMAIL_VERIFICATION]),
        world.undo_email_change(link[MailKind.EMAIL_CHANGE_REQUESTED]),
        return_exceptions=True,
    )

    assert results[-1] is None
    errors = {type(error) for error in results if isinstance(error, Exception)}
    assert errors <= {OneTimeTokenInvalid}
    user = await world.users.get(ada.id)
    assert user is not None
    assert (user.email.address, user.verified) == (ADA, True)
    for kind in (MailKind.EMAIL_CHANGE, MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION):
        with pytest.raises(OneTimeTokenInvalid):
            await world.find_token(link[kind], Purpose(kind.value))


async def test_a_deletion_beside_the_uses_of_links_leaves_no_user(world: World, ada: User) -> None:
    await world.request_password_reset(ADA)
    await world.request_email_verification(ADA)
    link = await links(world)

    results = await asyncio.gather(
        world.reset_password(link[MailKind.PASSWORD_RESET], BETTER),
        world.delete_user(Operator(), ada.id),
        world.verify_email(link[MailKind.EMAIL_VERIFICATION]),
        return_exceptions=True,
    )

    assert {type(error) for error in results if isinstance(error, Exception)} <= {
        OneTimeTokenInvalid
    }
    assert await world.users.get(ada.id) is None
    assert await world.users.by_email(Email.parse(ADA)) is None
    for secret in link.values():
        with pytest.raises(OneTimeTokenInvalid):
            await world.reset_password(secret, BETTER)
