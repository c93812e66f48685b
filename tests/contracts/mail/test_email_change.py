"""Changing an address on every backend of users: each link is used once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from application.accounts.email_verification import RegistrantProof
from application.pagination import EventQuery
from domain.errors import EmailTaken, OneTimeTokenInvalid
from domain.mail.message import MailKind
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.support.builders import PASSWORD, SECOND
from tests.support.world import World

PROOF = RegistrantProof(PASSWORD)
ADA, THIEF = "ada@example.org", "thief@example.org"


@pytest.fixture(params=schemes("users"))
async def world(request: pytest.FixtureRequest, signer: JwtSigner) -> AsyncIterator[World]:
    """Ada is registered, and an attacker in one of her sessions has asked for a new address."""
    url = url_for(request.param, request)
    async with open_stores(url, url, PATIENT) as stores:
        world = World.on(signer, stores)
        await world.sign_up(ADA)
        attacker = await world.authenticate((await world.log_in(ADA)).access)
        await world.request_email_change(attacker, THIEF, PASSWORD)
        yield world


async def links(world: World) -> dict[MailKind, str]:
    world.clock.advance(SECOND)
    return {each.kind: each.token for each in await world.read_mail() if each.token}


async def test_of_20_parallel_uses_of_each_link_one_succeeds(world: World) -> None:
    letters = await links(world)
    confirm = letters[MailKind.EMAIL_CHANGE]
    confirmed = await asyncio.gather(
        *(world.confirm_email_change(confirm, PROOF) for _ in range(20)), return_exceptions=True
    )
    undo = (await links(world))[MailKind.EMAIL_CHANGED]
    with pytest.raises(EmailTaken):
        await world.sign_up(ADA)
    undone = await asyncio.gather(
        *(world.undo_email_change(undo) for _ in range(20)), return_exceptions=True
    )

    for results in (confirmed, undone):
        errors = [each for each in results if isinstance(each, Exception)]
        assert len(results) - len(errors) == 1
        assert {type(error) for error in errors} == {OneTimeTokenInvalid}
    events = await world.audit_log.page(EventQuery(), None, 100)
    assert [each.event.type for each in events.items] == [
        "undo email change",
        "change email",
        "request email change",
        "login",
        "register",
    ]
    assert set(await links(world)) == {MailKind.PASSWORD_RESET}
    assert await world.users.by_email((await world.sign_up(THIEF)).email)


async def test_of_a_confirmation_and_an_undo_at_once_the_undo_prevails(world: World) -> None:
    letters = await links(world)

    await asyncio.gather(
        world.confirm_email_change(letters[MailKind.EMAIL_CHANGE], PROOF),
        world.undo_email_change(letters[MailKind.EMAIL_CHANGE_REQUESTED]),
        return_exceptions=True,
    )

    letter = next(each for each in await world.read_mail() if each.kind == "password_reset")
    assert letter.to == ADA
