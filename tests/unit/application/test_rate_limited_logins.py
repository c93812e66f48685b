"""Limits on logins: attackers are refused, and the owner of the account is not."""

import asyncio
import re
from dataclasses import replace

import pytest

from domain.errors import InvalidInput
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from tests.support.builders import PASSWORD
from tests.support.doubles import RecordingRateLimiter
from tests.support.world import World
from tests.unit.application.attempts import (
    ADA,
    EVE,
    GUESS,
    HERE,
    THERE,
    addresses,
    limited,
    log_in,
    refresh,
    register,
)

NEW = "a better one than before"


async def use_up(world: World, email: str = ADA) -> None:
    """Guess until all attempts are used up."""
    while await log_in(world, email, caller=THERE) == "wrong":
        pass


async def on_known_device(world: World, email: str = ADA) -> RequestContext:
    """Log in; return the caller with the device token of that login."""
    return replace(HERE, device_token=(await world.login(email, PASSWORD, HERE)).device_token)


@pytest.mark.parametrize("name", ["login_account", "login_address", "login"])
async def test_after_the_limit_not_even_the_right_password_is_hashed(
    world: World, name: str
) -> None:
    world.limits = limited(3, name)
    await world.sign_up(ADA)
    await use_up(world)
    before = list(world.hasher.computed)

    assert await log_in(world, ADA, PASSWORD, THERE) == name.replace("_", "-")

    assert world.hasher.computed == before
    assert len(before) == 3


async def test_of_40_parallel_logins_under_a_limit_of_5_exactly_5_are_hashed(
    world: World,
) -> None:
    world.limits = limited(5, "login_account")
    await world.sign_up(ADA)

    outcomes = await asyncio.gather(*(log_in(world) for _ in range(40)))

    assert sorted(outcomes) == ["login-account"] * 35 + ["wrong"] * 5
    assert len(world.hasher.computed) == 5


async def test_the_owner_logs_in_on_a_known_device_while_others_are_limited(
    world: World,
) -> None:
    world.limits = limited(5, "login_account")
    await world.sign_up(ADA)
    owner = await on_known_device(world)
    await use_up(world)

    elsewhere = replace(owner, address="203.0.113.1")
    assert await log_in(world, ADA, PASSWORD, replace(elsewhere, device_token=None)) != "in"
    assert await log_in(world, ADA, PASSWORD, elsewhere) == "in"


async def test_the_owner_logs_in_on_a_known_device_whatever_limit_is_used_up(
    world: World,
) -> None:
    world.limits = limited(5)
    await world.sign_up(ADA)
    owner = await on_known_device(world)
    for caller in [HERE, *addresses()]:
        for number in range(6):
            await log_in(world, f"{number}@example.org", caller=caller)

    assert await log_in(world, EVE) == "login-address"
    assert await log_in(world, ADA, PASSWORD, owner) == "in"


async def test_a_login_on_a_known_device_during_an_attack_resets_no_count(world: World) -> None:
    world.limits = limited(5, "login_account")
    await world.sign_up(ADA)
    owner = await on_known_device(world)
    await use_up(world)

    assert await log_in(world, ADA, PASSWORD, owner) == "in"

    for caller in (THERE, *addresses()):
        assert await log_in(world, ADA, caller=caller) == "login-account"


async def test_after_a_new_password_a_device_of_before_cannot_lock_the_owner_out(
    world: World,
) -> None:
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)
    former = await on_known_device(world)
    me = await world.authenticate((await world.log_in(ADA)).access)
    mine = replace(
        HERE, device_token=(await world.change_password(me, PASSWORD, NEW)).device_token
    )
    await use_up(world)
    for _ in range(10):
        await log_in(world, caller=former)

    assert await log_in(world, ADA, NEW, mine) == "in"


async def test_a_device_knows_one_user(world: World) -> None:
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)
    await world.sign_up(EVE)
    eve = await on_known_device(world, EVE)
    await use_up(world)

    assert await log_in(world, ADA, PASSWORD, eve) == "login-account"
    assert await log_in(world, EVE, PASSWORD, eve) == "in"


@pytest.mark.parametrize("token", ["", "garbage", f"{'0' * 32}.{'0' * 64}"])
async def test_a_forged_device_token_is_not_recognised(world: World, token: str) -> None:
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)
    await use_up(world)

    forged = replace(HERE, device_token=token)
    assert await log_in(world, ADA, PASSWORD, forged) == "login-account"


async def test_a_known_device_has_as_many_attempts_again_and_no_more(world: World) -> None:
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)
    owner = await on_known_device(world)

    outcomes = [await log_in(world, caller=owner) for _ in range(8)]

    assert outcomes == ["wrong"] * 6 + ["login-account"] * 2
    assert await log_in(world, ADA, PASSWORD, owner) == "login-account"


@pytest.mark.parametrize("keeps_cookie", [True, False])
async def test_an_account_does_not_bypass_the_global_limits(
    world: World, keeps_cookie: bool
) -> None:
    """Each login is hashed, also those with the right password."""
    world.limits = limited(5)
    await world.sign_up(ADA)
    caller = await on_known_device(world)

    for _ in range(40):
        try:
            answer = await world.login(ADA, PASSWORD, caller)
        except TooManyRequests:
            continue
        if not keeps_cookie:
            caller = replace(caller, device_token=answer.device_token)

    assert len(world.hasher.computed) <= 10


async def test_a_successful_login_restores_all_attempts(world: World) -> None:
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)

    for _ in range(5):
        assert [await log_in(world) for _ in range(2)] == ["wrong"] * 2
        assert await log_in(world, ADA, PASSWORD) == "in"


async def test_a_successful_login_restores_the_attempts_of_the_device(world: World) -> None:
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)
    owner = await on_known_device(world)

    for _ in range(5):
        assert [await log_in(world, caller=owner) for _ in range(2)] == ["wrong"] * 2
        assert await log_in(world, ADA, PASSWORD, owner) == "in"


async def test_a_login_does_not_reset_the_count_of_another_account(world: World) -> None:
    world.limits = limited(4, "login_account", "login_address")
    await world.sign_up(EVE)
    outcomes = []
    for _ in range(3):
        outcomes += [await log_in(world, ADA), await log_in(world, EVE, PASSWORD)]

    assert outcomes == ["wrong", "in"] * 2 + ["login-address"] * 2


@pytest.mark.parametrize(
    "spellings",
    [
        ["ada@example.org"] * 6,
        ["ada@example.org", " ADA@Example.ORG ", "ada@example.org.", "ada\uff20example.org",
         "Ada@example.org", "\uff41da@example.org"],
        ["no address", "NO ADDRESS", "no address", "No Address", "no address", "no Address"],
        [""] * 6,
    ],
    ids=["one spelling", "many spellings", "no address", "nothing"],
)  # fmt: skip
@pytest.mark.parametrize("is_known", [True, False])
async def test_known_and_unknown_accounts_meet_the_limit_alike(
    world: World, spellings: list[str], is_known: bool
) -> None:
    world.limits = limited(4, "login_account")
    await world.sign_up(ADA if is_known else EVE)

    outcomes = [await log_in(world, spelling) for spelling in spellings]

    assert outcomes == ["wrong"] * 4 + ["login-account"] * 2
    assert len(world.hasher.computed) == 4


@pytest.mark.parametrize("password", [GUESS, PASSWORD], ids=["wrong", "right"])
async def test_a_disabled_account_meets_the_limit_with_whatever_password(
    world: World, password: str
) -> None:
    world.limits = limited(3, "login_account")
    user = await world.sign_up(ADA)
    await world.change(user, disabled=True)

    outcomes = [await log_in(world, ADA, password) for _ in range(4)]

    assert outcomes == ["wrong"] * 3 + ["login-account"]


async def test_a_password_that_is_too_long_does_not_count_as_an_attempt(world: World) -> None:
    world.limits = limited(3, "login_account")
    for _ in range(5):
        with pytest.raises(InvalidInput):
            await world.login(ADA, "x" * 1025, HERE)

    assert await log_in(world) == "wrong"


async def test_counting_keys_contain_no_personal_data(world: World) -> None:
    world.limits = limited(20)
    world.limiter = ledger = RecordingRateLimiter()
    await register(world, ADA)
    owner = await on_known_device(world)
    for email in (ADA, " ADA@example.org", EVE, "no address", "x" * 300, "\u674e@example.org"):
        for caller in (owner, HERE, RequestContext("2001:db8::1"), RequestContext("garbage")):
            await log_in(world, email, caller=caller)
    await use_up(world)
    tokens = (await world.login(ADA, PASSWORD, owner)).tokens
    await refresh(world, tokens.refresh)

    assert len(set(ledger.keys)) > 12
    for key in ledger.keys:
        assert len(key) <= 100
        assert key.isascii()
        text = re.sub("[0-9a-f]{16,}", "", key.lower())  # random digits may spell "ada"
        assert not any(word in text for word in ("ada", "eve", "example", "@", "garbage"))
