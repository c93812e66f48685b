"""Logins with a passkey on every backend of users: an assertion is used once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.actor import Principal
from domain.errors import PasskeyInvalid, TokenRejected
from doorward.conformance.support.opening import PATIENT
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.storage.stores import open_stores
from tests.conftest import schemes, url_for
from tests.support.authenticator import Authenticator
from tests.support.factors import stepped_up
from tests.support.passkeys import add, assertion, registration
from tests.support.world import World


@pytest.fixture(params=schemes("users"))
async def world(request: pytest.FixtureRequest, signer: JwtSigner) -> AsyncIterator[World]:
    url = url_for(request.param, request)
    async with open_stores(url, url, PATIENT) as stores:
        world = World.on(signer, stores)
        await world.sign_up()
        yield world


@pytest.fixture
async def me(world: World) -> Principal:
    return await world.authenticate((await world.log_in()).access)


async def test_of_20_parallel_uses_of_an_assertion_one_logs_in(
    world: World, me: Principal
) -> None:
    device = Authenticator()
    await add(world, me, device)
    signed = await assertion(world, device)

    done = await asyncio.gather(
        *(world.login_with_passkey(signed) for _ in range(20)), return_exceptions=True
    )

    assert [isinstance(each, PasskeyInvalid) for each in done].count(False) == 1
    assert len(await world.sessions.of_user(me.user.id)) == 2
    [passkey] = await world.passkeys.of_user(me.user.id)
    assert passkey.credential.sign_count == device.count


async def test_of_20_parallel_uses_of_a_registration_one_adds_the_passkey(
    world: World, me: Principal
) -> None:
    stepped = await stepped_up(world, me)
    made = await registration(world, stepped, Authenticator())

    done = await asyncio.gather(
        *(world.add_passkey(stepped, made) for _ in range(20)), return_exceptions=True
    )

    refusals = [each for each in done if isinstance(each, PasskeyInvalid | TokenRejected)]
    assert len(refusals) == 19
    assert len(await world.passkeys.of_user(me.user.id)) == 1


async def test_20_parallel_logins_with_one_passkey_all_succeed(
    world: World, me: Principal
) -> None:
    device = Authenticator()
    await add(world, me, device)
    signed = [await assertion(world, device) for _ in range(20)]

    await asyncio.gather(*(world.login_with_passkey(each) for each in signed))

    assert len(await world.sessions.of_user(me.user.id)) == 21
