"""Logging in: the right ones, and the wrong ones without a hint."""

import asyncio
import dataclasses

import pytest

from application.ports import HashClient
from domain.errors import InvalidCredentials, InvalidInput
from domain.passwords.password import Password
from domain.request_context import RequestContext
from domain.token import TokenKind
from tests.support.builders import CLIENT, LIFETIMES, PASSWORD, World
from tests.support.doubles import QuickHasher, UnhurriedHasher


async def test_a_login_starts_a_session_and_gives_its_two_tokens(house: World) -> None:
    user = await house.sign_up()

    pair = await house.come_in()

    [session] = await house.sessions.of_user(user.id)
    access = house.signer.verify(pair.access, TokenKind.ACCESS)
    refresh = house.signer.verify(pair.refresh, TokenKind.REFRESH)
    assert session.started_at == house.clock()
    assert access.session_id == refresh.session_id == session.id
    assert access.user_id == refresh.user_id == user.id
    assert refresh.token_id == session.token_id


async def test_a_login_says_for_how_long_its_tokens_are_good(house: World) -> None:
    await house.sign_up()

    pair = await house.come_in()

    assert pair.access_lifetime == LIFETIMES.access.total_seconds()
    assert pair.refresh_lifetime == LIFETIMES.idle.total_seconds()


async def test_each_login_is_a_session_of_its_own(house: World) -> None:
    user = await house.sign_up()

    one, other = await house.come_in(), await house.come_in()

    assert one.refresh != other.refresh
    assert len(await house.sessions.of_user(user.id)) == 2


@pytest.mark.parametrize(
    "email", ["ADA@Example.org", " ada@example.org. ", "ada\uff20example.org"]
)
async def test_people_log_in_with_any_spelling_of_their_address(house: World, email: str) -> None:
    await house.sign_up("ada@example.org")

    await house.come_in(email)


async def test_a_wrong_password_is_rejected(house: World) -> None:
    user = await house.sign_up()

    with pytest.raises(InvalidCredentials):
        await house.login("ada@example.org", PASSWORD + " ")

    assert await house.sessions.of_user(user.id) == []


@pytest.mark.parametrize("email", ["eve@example.org", "no address", "ada+x@example.org", ""])
async def test_an_unknown_address_takes_the_work_of_a_wrong_password(
    house: World, email: str
) -> None:
    await house.sign_up()

    with pytest.raises(InvalidCredentials):
        await house.login(email, PASSWORD)

    assert house.hasher.computed == [None]


async def test_a_disabled_user_learns_nothing_and_takes_the_same_work(house: World) -> None:
    user = await house.sign_up()
    await house.change(user, disabled=True)

    with pytest.raises(InvalidCredentials):
        await house.come_in()

    assert house.hasher.computed == [user.password_hash]
    assert await house.sessions.of_user(user.id) == []


async def test_refusals_cannot_be_distinguished(house: World) -> None:
    ada = await house.sign_up("ada@example.org")
    await house.sign_up("eve@example.org")
    await house.change(ada, disabled=True)
    refusals = []
    for email, password in [
        ("ada@example.org", PASSWORD),
        ("eve@example.org", "wrong password"),
        ("bob@example.org", PASSWORD),
    ]:
        with pytest.raises(InvalidCredentials) as refused:
            await house.login(email, password)
        refusals.append((type(refused.value), str(refused.value)))

    assert len(set(refusals)) == 1


async def test_a_password_that_is_too_long_is_refused_before_hashing(house: World) -> None:
    await house.sign_up()

    with pytest.raises(InvalidInput):
        await house.login("ada@example.org", "x" * 1025)

    assert house.hasher.computed == []


async def test_a_weak_hash_is_renewed_at_login(house: World) -> None:
    user = await house.sign_up()
    house.hasher = QuickHasher(cost=2)

    await house.come_in()

    renewed = await house.users.get(user.id)
    assert renewed is not None
    assert not house.hasher.is_outdated(renewed.password_hash)
    assert await house.hasher.verify(Password.parse(PASSWORD), renewed.password_hash, CLIENT)
    assert dataclasses.replace(renewed, password_hash=user.password_hash) == user


async def test_of_parallel_logins_that_renew_a_weak_hash_each_succeeds(house: World) -> None:
    user = await house.sign_up()
    house.hasher = UnhurriedHasher(cost=2)

    await asyncio.gather(*(house.come_in() for _ in range(3)))

    assert len(await house.sessions.of_user(user.id)) == 3


async def test_a_current_hash_is_not_renewed_at_login(house: World) -> None:
    user = await house.sign_up()

    await house.come_in()

    assert await house.users.get(user.id) == user


async def test_a_wrong_password_renews_no_hash(house: World) -> None:
    user = await house.sign_up()
    house.hasher = QuickHasher(cost=2)

    with pytest.raises(InvalidCredentials):
        await house.login("ada@example.org", "wrong password")

    assert await house.users.get(user.id) == user


async def test_a_composed_and_a_decomposed_password_are_the_same_password(house: World) -> None:
    await house.register("Ada", "ada@example.org", "cafe\u0301 au lait")

    await house.login("ada@example.org", "caf\u00e9 au lait")


async def test_only_logins_on_a_known_device_have_the_share_of_known_clients(
    house: World,
) -> None:
    await house.sign_up()
    first = await house.login("ada@example.org", PASSWORD, RequestContext("192.0.2.1"))
    known = RequestContext("192.0.2.1", device_token=first.device_token)
    forged = RequestContext("192.0.2.1", device_token=f"{'0' * 32}.{'0' * 64}")
    house.hasher.clients.clear()

    await house.login("ada@example.org", PASSWORD, known)
    await house.login("ada@example.org", PASSWORD, forged)
    with pytest.raises(InvalidCredentials):
        await house.login("eve@example.org", PASSWORD, known)

    assert house.hasher.clients == [
        HashClient("192.0.2.1", is_known=True),
        HashClient("192.0.2.1"),
        HashClient("192.0.2.1"),
    ]
