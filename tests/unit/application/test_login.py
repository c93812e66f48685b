"""Logging in: the right ones, and the wrong ones without a hint."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from application.ports import HashClient
from domain.errors import InvalidCredentials, InvalidInput
from domain.passwords.password import Password
from domain.permissions import Role
from domain.request_context import RequestContext
from domain.session import Transport
from domain.token import TokenKind
from tests.support.builders import CLIENT, LIFETIMES, PASSWORD
from tests.support.doubles import QuickHasher, YieldingHasher
from tests.support.world import World


async def test_a_login_starts_a_session_and_gives_its_two_tokens(world: World) -> None:
    user = await world.sign_up()

    pair = await world.log_in()

    [session] = await world.sessions.of_user(user.id)
    access = world.signer.verify(pair.access, TokenKind.ACCESS)
    refresh = world.signer.verify(pair.refresh, TokenKind.REFRESH)
    assert session.started_at == world.clock()
    assert access.session_id == refresh.session_id == session.id
    assert access.user_id == refresh.user_id == user.id
    assert refresh.token_id == session.token_id


async def test_a_login_says_for_how_long_its_tokens_are_good(world: World) -> None:
    await world.sign_up()

    pair = await world.log_in()

    assert pair.access_lifetime == LIFETIMES.access.total_seconds()
    assert pair.refresh_lifetime == LIFETIMES.idle.total_seconds()


@pytest.mark.parametrize(("transport", "days"), [(Transport.COOKIE, 1), (Transport.BEARER, 7)])
async def test_the_transport_of_the_login_decides_how_long_its_tokens_are_good(
    world: World, transport: Transport, days: int
) -> None:
    world.lifetimes = dataclasses.replace(
        LIFETIMES, idle=timedelta(days=1), bearer_idle=timedelta(days=7)
    )
    await world.sign_up()

    pair = (await world.login("ada@example.org", PASSWORD, transport=transport)).tokens

    assert pair.refresh_lifetime == timedelta(days=days).total_seconds()
    refreshed = await world.refresh(pair.refresh)
    assert refreshed.refresh_lifetime == pair.refresh_lifetime


async def test_each_login_is_a_session_of_its_own(world: World) -> None:
    user = await world.sign_up()

    one, other = await world.log_in(), await world.log_in()

    assert one.refresh != other.refresh
    assert len(await world.sessions.of_user(user.id)) == 2


@pytest.mark.parametrize(
    "email", ["ADA@Example.org", " ada@example.org. ", "ada\uff20example.org"]
)
async def test_people_log_in_with_any_spelling_of_their_address(world: World, email: str) -> None:
    await world.sign_up("ada@example.org")

    await world.log_in(email)


async def test_a_wrong_password_is_rejected(world: World) -> None:
    user = await world.sign_up()

    with pytest.raises(InvalidCredentials):
        await world.login("ada@example.org", PASSWORD + " ")

    assert await world.sessions.of_user(user.id) == []


@pytest.mark.parametrize("email", ["eve@example.org", "no address", "ada+x@example.org", ""])
async def test_an_unknown_address_takes_the_work_of_a_wrong_password(
    world: World, email: str
) -> None:
    await world.sign_up()

    with pytest.raises(InvalidCredentials):
        await world.login(email, PASSWORD)

    assert world.hasher.computed == [None]


async def test_a_disabled_user_learns_nothing_and_takes_the_same_work(world: World) -> None:
    user = await world.sign_up()
    await world.change(user, disabled=True)

    with pytest.raises(InvalidCredentials):
        await world.log_in()

    assert world.hasher.computed == [user.password_hash]
    assert await world.sessions.of_user(user.id) == []


async def test_refusals_cannot_be_distinguished(world: World) -> None:
    ada = await world.sign_up("ada@example.org")
    await world.sign_up("eve@example.org")
    await world.change(ada, disabled=True)
    refusals = []
    for email, password in [
        ("ada@example.org", PASSWORD),
        ("eve@example.org", "wrong password"),
        ("bob@example.org", PASSWORD),
    ]:
        with pytest.raises(InvalidCredentials) as refused:
            await world.login(email, password)
        refusals.append((type(refused.value), str(refused.value)))

    assert len(set(refusals)) == 1


async def test_a_password_that_is_too_long_is_refused_before_hashing(world: World) -> None:
    await world.sign_up()

    with pytest.raises(InvalidInput):
        await world.login("ada@example.org", "x" * 1025)

    assert world.hasher.computed == []


async def test_a_weak_hash_is_renewed_at_login(world: World) -> None:
    user = await world.sign_up()
    world.hasher = QuickHasher(cost=2)

    await world.log_in()

    renewed = await world.users.get(user.id)
    assert renewed is not None
    assert not world.hasher.is_outdated(renewed.password_hash)
    assert await world.hasher.verify(Password.parse(PASSWORD), renewed.password_hash, CLIENT)
    assert dataclasses.replace(renewed, password_hash=user.password_hash) == user


async def test_of_parallel_logins_that_renew_a_weak_hash_each_succeeds(world: World) -> None:
    user = await world.sign_up()
    world.hasher = YieldingHasher(cost=2)

    await asyncio.gather(*(world.log_in() for _ in range(3)))

    assert len(await world.sessions.of_user(user.id)) == 3


async def test_a_current_hash_is_not_renewed_at_login(world: World) -> None:
    user = await world.sign_up()

    await world.log_in()

    assert await world.users.get(user.id) == user


async def test_a_wrong_password_renews_no_hash(world: World) -> None:
    user = await world.sign_up()
    world.hasher = QuickHasher(cost=2)

    with pytest.raises(InvalidCredentials):
        await world.login("ada@example.org", "wrong password")

    assert await world.users.get(user.id) == user


async def test_a_composed_and_a_decomposed_password_are_the_same_password(world: World) -> None:
    await world.register("Ada", "ada@example.org", "cafe\u0301 au lait")

    await world.login("ada@example.org", "caf\u00e9 au lait")


async def test_only_logins_on_a_known_device_have_the_share_of_known_clients(
    world: World,
) -> None:
    await world.sign_up()
    first = await world.login("ada@example.org", PASSWORD, RequestContext("192.0.2.1"))
    known = RequestContext("192.0.2.1", device_token=first.device_token)
    forged = RequestContext("192.0.2.1", device_token=f"{'0' * 32}.{'0' * 64}")
    world.hasher.clients.clear()

    await world.login("ada@example.org", PASSWORD, known)
    await world.login("ada@example.org", PASSWORD, forged)
    with pytest.raises(InvalidCredentials):
        await world.login("eve@example.org", PASSWORD, known)

    assert world.hasher.clients == [
        HashClient("192.0.2.1", is_known=True),
        HashClient("192.0.2.1"),
        HashClient("192.0.2.1"),
    ]


async def test_the_access_token_of_a_login_describes_its_user(world: World) -> None:
    await world.change(await world.sign_up(), role=Role.ADMIN, verified=True)

    pair = await world.log_in()

    access = world.signer.verify(pair.access, TokenKind.ACCESS)
    assert (access.role, access.email_verified) == (Role.ADMIN, True)


async def test_a_login_on_a_known_device_returns_the_same_device_token(world: World) -> None:
    await world.sign_up()
    first = await world.login("ada@example.org", PASSWORD, RequestContext("192.0.2.1"))
    known = RequestContext("192.0.2.1", device_token=first.device_token)

    again = await world.login("ada@example.org", PASSWORD, known)

    assert again.device_token == first.device_token


async def test_a_login_with_the_device_token_of_another_user_returns_a_new_one(
    world: World,
) -> None:
    await world.sign_up()
    eve = await world.sign_up("eve@example.org")
    token = world.devices.issue(eve)

    logged_in = await world.login(
        "ada@example.org", PASSWORD, RequestContext("192.0.2.1", device_token=token)
    )

    assert logged_in.device_token != token
