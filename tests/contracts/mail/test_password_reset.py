"""Resetting a password on every backend of users: a link is used once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from application.pagination import EventQuery
from domain.errors import OneTimeTokenInvalid
from domain.mail.message import MailKind
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.support.world import World

ADA = "ada@example.org"


@pytest.fixture(params=schemes("users"))
async def world(request: pytest.FixtureRequest, signer: JwtSigner) -> AsyncIterator[World]:
    """Ada is registered, and has asked for a link."""
    url = url_for(request.param, request)
    async with open_stores(url, url, PATIENT) as stores:
        world = World.on(signer, stores)
        await world.sign_up(ADA)
        await world.request_password_reset(ADA)
        yield world


async def test_of_20_parallel_uses_of_a_link_one_sets_the_password(world: World) -> None:
    [link] = await world.read_mail()
    assert link.token
    passwords = [f"passphrase of rabbit {number}" for number in range(20)]

    results = await asyncio.gather(
        *(world.reset_password(link.token, each) for each in passwords), return_exceptions=True
    )

    [winner] = [each for each, error in zip(passwords, results, strict=True) if error is None]
    assert {type(error) for error in results if error} == {OneTimeTokenInvalid}
    await world.login(ADA, winner)
    events = await world.audit_log.page(EventQuery(), None, 100)
    assert [each.event.type for each in events.items] == ["login", "reset password", "register"]
    assert [letter.kind for letter in await world.read_mail()] == [MailKind.PASSWORD_CHANGED]


async def test_a_used_link_and_those_beside_it_are_not_good_any_more(world: World) -> None:
    await world.request_password_reset(ADA)
    first, second = [letter.token for letter in await world.read_mail()]
    assert first
    assert second
    await world.reset_password(first, "a better one than before")

    for token in (first, second):
        with pytest.raises(OneTimeTokenInvalid):
            await world.reset_password(token, "yet another passphrase")
