"""While strangers guess an account's password, its owner gets in from the networks of before."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from application.known_networks import PERIOD
from domain.email import Email
from domain.errors import Unavailable
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.user import User
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from tests.support.builders import MICROSECOND, PASSWORD
from tests.support.doubles import RecordingRateLimiter
from tests.support.world import World
from tests.unit.application.attempts import ADA, EVE, GUESS, HERE, THERE, limited, log_in

NEW = "a better one than before"
ELSEWHERE = RequestContext("203.0.113.1")


@pytest.fixture
async def world(world: World) -> World:
    """All use cases; the owner of an account has logged in from HERE."""
    world.limits = limited(3, "login_account")
    await world.sign_up(ADA)
    assert await log_in(world, ADA, PASSWORD, HERE) == "in"
    return world


async def user_of(world: World) -> User:
    user = await world.users.by_email(Email.parse(ADA))
    assert user
    return user


async def attack(world: World) -> None:
    """Guess from another network until no guesses are left."""
    while await log_in(world, ADA, GUESS, THERE) == "wrong":
        pass


async def test_the_right_password_is_accepted_from_a_network_of_before(world: World) -> None:
    await attack(world)

    assert await log_in(world, ADA, PASSWORD, HERE) == "in"


async def test_the_right_password_is_refused_from_another_network(world: World) -> None:
    await attack(world)

    assert await log_in(world, ADA, PASSWORD, ELSEWHERE) == "login-account"


async def test_a_wrong_password_from_a_network_of_before_is_refused_as_from_others(
    world: World,
) -> None:
    await attack(world)

    refusals = []
    for caller in (HERE, ELSEWHERE):
        with pytest.raises(TooManyRequests) as refused:
            await world.login(ADA, GUESS, caller)
        refusals.append((refused.value.limit, refused.value.wait))

    assert refusals[0] == refusals[1]


@pytest.mark.parametrize("password", [PASSWORD, GUESS], ids=["right", "wrong"])
@pytest.mark.parametrize(
    ("email", "caller"),
    [(ADA, ELSEWHERE), (EVE, HERE), (EVE, ELSEWHERE), ("no address", HERE)],
)
async def test_a_refused_attempt_takes_the_same_steps_for_every_account_and_network(
    world: World, email: str, caller: RequestContext, password: str
) -> None:
    """The time must not tell which networks an account has, or that there is an account."""
    world.limiter = ledger = RecordingRateLimiter()
    await log_in(world, ADA, PASSWORD, HERE)
    for _ in range(3):
        await log_in(world, email, GUESS, THERE)
    ledger.keys.clear()
    ledger.asked.clear()
    world.hasher.computed.clear()

    assert await log_in(world, email, password, caller) == "login-account"

    assert len(ledger.keys) == 2
    assert len(ledger.asked) == 2
    assert len(world.hasher.computed) == 1


@pytest.mark.parametrize("password", [PASSWORD, GUESS], ids=["right", "wrong"])
async def test_a_network_of_before_has_as_many_attempts_as_the_account(
    world: World, password: str
) -> None:
    await attack(world)

    outcomes = [await log_in(world, ADA, GUESS, HERE) for _ in range(3)]
    world.hasher.computed.clear()

    assert outcomes == ["login-account"] * 3
    assert await log_in(world, ADA, password, HERE) == "login-account"
    assert world.hasher.computed == []


async def test_an_attacker_in_a_network_of_before_gains_no_guesses(world: World) -> None:
    outcomes = [await log_in(world, ADA, GUESS, HERE) for _ in range(10)]

    assert outcomes == ["wrong"] * 3 + ["login-account"] * 7
    assert len(world.hasher.computed) == 1 + 3


async def test_logins_during_an_attack_are_bounded_and_reset_no_count(world: World) -> None:
    await attack(world)

    outcomes = [await log_in(world, ADA, PASSWORD, HERE) for _ in range(5)]

    assert outcomes == ["in"] * 3 + ["login-account"] * 2
    assert await log_in(world, ADA, GUESS, ELSEWHERE) == "login-account"


async def test_a_network_is_that_of_one_account(world: World) -> None:
    await world.sign_up(EVE)
    while await log_in(world, EVE, GUESS, THERE) == "wrong":
        pass

    assert await log_in(world, EVE, PASSWORD, HERE) == "login-account"


async def test_a_disabled_user_is_refused_on_a_network_of_before(world: World) -> None:
    user = await user_of(world)
    await world.change(user, disabled=True)
    await attack(world)

    assert await log_in(world, ADA, PASSWORD, HERE) == "login-account"


@pytest.mark.parametrize(
    ("address", "is_known"),
    [("2001:db8::2", True), ("2001:db8:0:1::1", False)],
)
async def test_a_network_is_a_64_with_ipv6(world: World, address: str, is_known: bool) -> None:
    assert await log_in(world, ADA, PASSWORD, RequestContext("2001:db8::1")) == "in"
    await attack(world)

    outcome = await log_in(world, ADA, PASSWORD, RequestContext(address))

    assert (outcome == "in") is is_known


async def test_a_client_without_an_address_has_no_network(world: World) -> None:
    assert await log_in(world, ADA, PASSWORD, RequestContext("")) == "in"
    await attack(world)

    assert await log_in(world, ADA, PASSWORD, RequestContext("")) == "login-account"


@pytest.mark.parametrize(
    ("later", "is_known"),
    [(PERIOD - MICROSECOND, True), (2 * PERIOD, False), (timedelta(days=365), False)],
)
async def test_a_network_is_forgotten_after_some_weeks(
    world: World, later: timedelta, is_known: bool
) -> None:
    world.clock.advance(later)
    await attack(world)

    assert (await log_in(world, ADA, PASSWORD, HERE) == "in") is is_known


async def test_a_login_renews_the_memory_of_its_network(world: World) -> None:
    for _ in range(4):
        world.clock.advance(PERIOD - MICROSECOND)
        assert await log_in(world, ADA, PASSWORD, HERE) == "in"
    world.clock.advance(PERIOD - MICROSECOND)
    await attack(world)

    assert await log_in(world, ADA, PASSWORD, HERE) == "in"


async def test_a_new_password_forgets_all_networks_but_that_of_the_change(world: World) -> None:
    assert await log_in(world, ADA, PASSWORD, ELSEWHERE) == "in"
    me = await world.authenticate((await world.log_in(ADA)).access)

    await world.change_password(me, PASSWORD, NEW, HERE)
    await attack(world)

    assert await log_in(world, ADA, NEW, ELSEWHERE) == "login-account"
    assert await log_in(world, ADA, NEW, HERE) == "in"


async def test_a_device_takes_precedence_and_leaves_the_network_its_attempts(
    world: World,
) -> None:
    token = (await world.login(ADA, PASSWORD, HERE)).device_token
    await attack(world)
    owner = replace(ELSEWHERE, device_token=token)

    outcomes = [await log_in(world, ADA, PASSWORD, owner) for _ in range(3)]

    assert outcomes == ["in"] * 3
    assert await log_in(world, ADA, PASSWORD, HERE) == "in"


async def test_remembered_networks_are_stored_as_keyed_digests(world: World) -> None:
    world.limiter = ledger = RecordingRateLimiter()
    await world.login(ADA, PASSWORD, HERE)

    [key] = [key for key in ledger.keys if key.startswith("known-network:")]

    user = await user_of(world)
    assert HERE.address not in key
    assert user.id.hex not in key
    assert key.endswith(world.devices.network_digests(user, HERE.address)[0])


async def test_the_owner_gets_in_though_a_thief_has_used_up_the_attempts_of_devices(
    world: World,
) -> None:
    token = (await world.login(ADA, PASSWORD, HERE)).device_token
    await attack(world)
    thief = replace(THERE, device_token=token)
    while await log_in(world, ADA, GUESS, thief) == "wrong":
        pass

    assert await log_in(world, ADA, PASSWORD, replace(HERE, device_token=token)) == "in"


class Forgetful(MemoryRateLimiter):
    """Counts attempts and can remember nothing."""

    async def has_window(self, key: str, now: datetime) -> bool:
        await super().has_window(key, now)
        raise Unavailable("rate limits")


async def test_a_network_that_cannot_be_remembered_prevents_no_login(world: World) -> None:
    world.limiter = Forgetful()

    assert await log_in(world, ADA, PASSWORD, HERE) == "in"


async def test_a_network_that_is_remembered_already_is_not_counted_again(world: World) -> None:
    world.limiter = ledger = RecordingRateLimiter()

    for _ in range(3):
        assert await log_in(world, ADA, PASSWORD, HERE) == "in"

    assert len([key for key in ledger.keys if key.startswith("known-network:")]) == 1
