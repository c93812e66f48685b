"""Attempts are counted by account, by address and in all, before anything is done for them."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from itertools import count
from typing import Any

import pytest

from application.rate_limiting import RateLimits
from domain.client.network import network_of
from domain.email import Email
from domain.errors import InvalidInput, TokenRejected
from domain.mail.message import MailKind
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.user import User
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import MICROSECOND, PASSWORD
from tests.support.doubles import RecordingRateLimiter
from tests.support.world import World
from tests.unit.application.attempts import (
    ADA,
    EVE,
    HERE,
    THERE,
    WINDOW,
    addresses,
    limited,
    log_in,
    refresh,
    register,
)

RESET = MailKind.PASSWORD_RESET


@pytest.fixture
async def token(world: World) -> str:
    """A refresh token. To spend it repeatedly is harmless for some seconds."""
    await world.sign_up(ADA)
    return (await world.log_in(ADA)).refresh


async def test_logins_to_one_account_are_limited_from_wherever_they_come(world: World) -> None:
    world.limits = limited(3, "login_account")

    outcomes = [await log_in(world, caller=caller) for caller in addresses()]

    assert outcomes == ["wrong"] * 3 + ["login-account"] * 2
    assert await log_in(world, EVE) == "wrong"


async def test_logins_from_one_address_are_limited_for_all_accounts_together(world: World) -> None:
    world.limits = limited(3, "login_address")

    outcomes = [await log_in(world, f"{number}@example.org") for number in range(5)]

    assert outcomes == ["wrong"] * 3 + ["login-address"] * 2
    assert await log_in(world, caller=THERE) == "wrong"


async def test_logins_of_all_clients_are_limited(world: World) -> None:
    world.limits = limited(3, "login")

    outcomes = [
        await log_in(world, f"{number}@example.org", caller=caller)
        for number, caller in enumerate(addresses())
    ]

    assert outcomes == ["wrong"] * 3 + ["login"] * 2


async def test_registrations_from_one_address_are_limited(world: World) -> None:
    world.limits = limited(3, "register_address")

    outcomes = [await register(world, f"{number}@example.org") for number in range(5)]

    assert outcomes == ["in"] * 3 + ["register-address"] * 2
    assert await register(world, EVE, THERE) == "in"


async def test_registrations_of_all_clients_are_limited(world: World) -> None:
    world.limits = limited(3, "register")

    outcomes = [
        await register(world, f"{number}@example.org", caller)
        for number, caller in enumerate(addresses())
    ]

    assert outcomes == ["in"] * 3 + ["register"] * 2


async def test_refreshes_from_one_address_are_limited(world: World, token: str) -> None:
    world.limits = limited(3, "refresh_address")

    outcomes = [await refresh(world, token) for _ in range(5)]

    assert outcomes == ["in"] * 3 + ["refresh-address"] * 2
    assert await refresh(world, token, THERE) == "in"


async def test_refreshes_of_all_clients_are_limited(world: World, token: str) -> None:
    world.limits = limited(3, "refresh")

    outcomes = [await refresh(world, token, caller) for caller in addresses()]

    assert outcomes == ["in"] * 3 + ["refresh"] * 2


async def test_refreshes_of_one_user_are_limited_from_wherever_they_come(
    world: World, token: str
) -> None:
    world.limits = limited(3, "refresh_account")
    await world.sign_up(EVE)
    another = (await world.log_in(EVE)).refresh

    outcomes = [await refresh(world, token, caller) for caller in addresses()]
    outcomes.append(await refresh(world, (await world.log_in(ADA)).refresh))

    assert outcomes == ["in"] * 3 + ["refresh-account"] * 3
    assert await refresh(world, another) == "in"


async def test_an_invalid_token_uses_up_no_refreshes(world: World, token: str) -> None:
    """A thief may keep it for long after a logout."""
    world.limits = limited(3, "refresh_account")
    await world.logout(None, token)
    good = (await world.log_in(ADA)).refresh

    for _ in range(10):
        with pytest.raises(TokenRejected):
            await world.refresh(token, HERE)

    assert await refresh(world, good) == "in"


async def test_without_limits_nothing_is_counted(world: World, token: str) -> None:
    world.limiter = ledger = RecordingRateLimiter()

    outcomes = {await log_in(world) for _ in range(50)}
    outcomes |= {await refresh(world, token), await register(world, EVE)}

    assert outcomes == {"wrong", "in"}
    assert ledger.keys == []


async def test_each_kind_of_attempt_is_counted_by_itself(world: World, token: str) -> None:
    world.limits = limited(1)

    assert await register(world, EVE) == "in"
    assert await log_in(world) == "wrong"
    assert await refresh(world, token) == "in"


async def test_after_the_window_there_are_new_attempts(world: World) -> None:
    world.limits = limited(3)
    for _ in range(10):
        await log_in(world)

    world.clock.advance(WINDOW - MICROSECOND)
    assert await log_in(world) == "login-address"
    world.clock.advance(MICROSECOND)

    assert [await log_in(world) for _ in range(4)] == ["wrong"] * 3 + ["login-address"]


async def test_a_refused_attempt_says_how_long_to_wait(world: World) -> None:
    world.limits = limited(1, "login_account")
    await log_in(world)
    world.clock.advance(timedelta(minutes=5))

    with pytest.raises(TooManyRequests) as refused:
        await world.login(ADA, PASSWORD, HERE)

    assert refused.value.wait == timedelta(minutes=10)


async def test_a_limited_address_uses_up_no_other_attempts(world: World) -> None:
    narrow, wide = limited(3, "login_address"), limited(5, "login_account", "login")
    world.limits = replace(wide, login_address=narrow.login_address)

    assert [await log_in(world) for _ in range(50)] == ["wrong"] * 3 + ["login-address"] * 47

    assert [await log_in(world, ADA, caller=THERE) for _ in range(2)] == ["wrong"] * 2


async def test_a_rate_limited_account_does_not_use_up_the_global_limit(world: World) -> None:
    world.limits = RateLimits(
        login_account=RateLimit("narrow", 3, WINDOW), login=RateLimit("wide", 5, WINDOW)
    )
    for _ in range(50):
        await log_in(world)

    assert [await log_in(world, EVE) for _ in range(3)] == ["wrong", "wrong", "wide"]


@pytest.mark.parametrize("name", ["register", "refresh"])
async def test_a_limited_address_leaves_other_addresses_their_attempts(
    world: World, token: str, name: str
) -> None:
    numbers = count()

    async def attempt(caller: RequestContext) -> str:
        if name == "refresh":
            return await refresh(world, token, caller)
        return await register(world, f"{next(numbers)}@example.org", caller)

    narrow, wide = RateLimit("narrow", 3, WINDOW), RateLimit("wide", 4, WINDOW)
    limits: dict[str, Any] = {f"{name}_address": narrow, name: wide}
    world.limits = RateLimits(**limits)
    assert [await attempt(HERE) for _ in range(9)][3:] == ["narrow"] * 6

    assert [await attempt(THERE) == "wide" for _ in range(2)] == [False, True]


async def test_a_registration_over_the_limit_is_neither_hashed_nor_stored(
    world: World,
) -> None:
    world.limits = limited(1)
    await register(world, ADA)

    assert await register(world, EVE) == "register-address"

    assert world.hasher.made == 1
    assert await log_in(world, EVE, PASSWORD, THERE) == "wrong"


@pytest.mark.parametrize(
    ("addresses", "is_one"),
    [
        (["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:1"], True),
        (["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"], False),
        (["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"], True),
        (["::ffff:192.0.2.1", "::ffff:192.0.2.2", "::ffff:192.0.2.3"], False),
        (["", "garbage", "192.0.2.1.5"], True),
    ],
)
async def test_rotating_addresses_within_a_network_is_limited(
    world: World, addresses: list[str], is_one: bool
) -> None:
    world.limits = limited(2, "login_address")

    outcomes = [await log_in(world, caller=RequestContext(address)) for address in addresses]

    assert outcomes[2] == ("login-address" if is_one else "wrong")


@pytest.mark.parametrize(
    ("template", "length", "attempts"),
    [("2001:db8:0:1{:02x}::1", 56, 4), ("2001:db8:0:{:x}00::1", 48, 6)],
)
@pytest.mark.parametrize("name", ["login_address", "register_address", "refresh_address"])
async def test_wider_ipv6_networks_have_a_multiple_of_the_attempts_of_an_address(
    world: World, token: str, template: str, length: int, attempts: int, name: str
) -> None:
    world.limits = replace(limited(2, name), factor_56=2, factor_48=3)
    outcomes = []
    for number in range(8):
        caller = RequestContext(template.format(number))
        if name == "login_address":
            outcomes.append(await log_in(world, f"{number}@example.org", caller=caller))
        elif name == "register_address":
            outcomes.append(await register(world, f"{number}@example.org", caller))
        else:
            outcomes.append(await refresh(world, token, caller))

    refused = f"{name.replace('_', '-')}-{length}"
    assert [outcome == refused for outcome in outcomes] == [False] * attempts + [True] * (
        8 - attempts
    )


async def test_an_ipv6_address_over_its_limit_leaves_wider_networks_their_attempts(
    world: World,
) -> None:
    world.limits = limited(2, "login_address")
    for _ in range(20):
        await log_in(world, caller=RequestContext("2001:db8::1"))

    outcomes = [
        await log_in(world, caller=RequestContext(f"2001:db8:0:1::{number}"))
        for number in range(3)
    ]

    assert outcomes == ["wrong", "wrong", "login-address"]


async def test_ipv4_addresses_side_by_side_are_counted_by_themselves(world: World) -> None:
    world.limits = limited(1, "login_address")

    outcomes = {await log_in(world, caller=caller) for caller in addresses()}

    assert outcomes == {"wrong"}


@pytest.mark.parametrize("kind", ["login", "registration"])
async def test_an_address_over_its_limit_is_refused_before_anything_is_parsed(
    world: World, kind: str
) -> None:
    world.limits = limited(1, "login_address", "register_address")
    text = "x" * 1025  # neither an address nor a password

    async def attempt() -> None:
        if kind == "login":
            await world.login(text, text, HERE)
        else:
            await world.register(text, text, text, HERE)

    with pytest.raises(InvalidInput):
        await attempt()
    with pytest.raises(TooManyRequests):
        await attempt()


async def test_a_device_token_that_is_none_of_the_account_lifts_no_limit_of_an_address(
    world: World,
) -> None:
    world.limits = limited(1, "login_address")
    await world.sign_up(ADA)
    forged = replace(HERE, device_token=f"{'0' * 32}.{'0' * 64}")

    outcomes = [await log_in(world, ADA, PASSWORD, forged) for _ in range(2)]

    assert outcomes == ["in", "login-address"]


class UsersWithLog(MemoryUsers):
    """Users, with the addresses of those that were looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_up: list[str] = []

    async def by_email(self, address: Email) -> User | None:
        self.looked_up.append(address.key)
        return await super().by_email(address)


@pytest.mark.parametrize("token", ["x", f"{'0' * 32}.{'0' * 64}", None])
async def test_an_address_over_its_limit_with_a_forged_device_token_has_no_user_looked_up(
    world: World, token: str | None
) -> None:
    world.limits = limited(1, "login_address")
    world.users = users = UsersWithLog()
    forged = replace(HERE, device_token=token)

    outcomes = [await log_in(world, ADA, PASSWORD, forged) for _ in range(3)]

    assert outcomes == ["wrong", "login-address", "login-address"]
    assert len(users.looked_up) == 1


async def test_a_device_over_the_limit_of_its_address_has_users_looked_up_at_a_bounded_rate(
    world: World,
) -> None:
    world.limits = limited(3, "login_address")
    await world.sign_up(ADA)
    eve = await world.sign_up(EVE)
    world.users = users = UsersWithLog()
    thief = replace(HERE, device_token=world.devices.issue(eve))

    outcomes = [await log_in(world, ADA, PASSWORD, thief) for _ in range(10)]

    assert outcomes == ["wrong"] * 3 + ["login-address"] * 7
    assert len(users.looked_up) == 3 + 3
    other = replace(HERE, device_token=world.devices.issue(eve))
    assert await log_in(world, ADA, PASSWORD, other) == "login-address"
    assert len(users.looked_up) == 3 + 3 + 1


async def test_registrations_with_invalid_data_do_not_use_up_the_limit_of_all(
    world: World,
) -> None:
    world.limits = limited(1, "register")
    for _ in range(3):
        with pytest.raises(InvalidInput):
            await world.register("Ada", ADA, "short", HERE)

    assert await register(world, ADA) == "in"


@pytest.mark.parametrize(
    ("name", "reports"), [("mail_recipient", 0), ("mail_address", 0), ("mail", 2)]
)
async def test_the_operator_learns_that_mails_of_all_clients_are_over_the_limit(
    world: World, name: str, reports: int
) -> None:
    world.limits = limited(1, name)

    for _ in range(3):
        await world.rate_limiting.admits_mail(RESET, ADA, HERE.address)

    assert world.mail_limit_reports == reports


@pytest.mark.parametrize("name", ["mail_recipient", "mail_address", "mail"])
async def test_mail_beyond_a_limit_is_silently_left_out(world: World, name: str) -> None:
    world.limits = limited(2, name)

    admitted = [await world.rate_limiting.admits_mail(RESET, ADA, HERE.address) for _ in range(3)]

    assert admitted == [True, True, False]


async def test_one_recipient_does_not_use_up_the_mail_of_others(world: World) -> None:
    world.limits = limited(2, "mail_recipient")
    for _ in range(3):
        await world.rate_limiting.admits_mail(RESET, ADA, HERE.address)

    assert await world.rate_limiting.admits_mail(RESET, EVE, HERE.address)


async def test_an_attacker_does_not_use_up_the_resets_of_a_user_by_other_mails(
    world: World,
) -> None:
    """A verified user gets no mail for a request to prove the address: its limit must not take
    the links for a new password away.
    """
    user = await world.sign_up(ADA)
    await world.users.replace(user, user.with_verified_email(world.clock()))
    world.limits = limited(1, "mail_recipient")
    for _ in range(3):
        await world.request_email_verification(ADA)

    await world.request_password_reset(ADA)

    assert [letter.kind for letter in await world.read_mail()] == [RESET]


async def test_links_can_be_tried_at_a_bounded_rate(world: World) -> None:
    world.limits = limited(2, "link_address")
    for _ in range(2):
        await world.rate_limiting.count_link_from(HERE.address)

    with pytest.raises(TooManyRequests):
        await world.rate_limiting.count_link_from(HERE.address)


async def test_the_names_of_counters_are_the_same_in_every_version(world: World) -> None:
    """During a rolling upgrade, workers of two versions count together."""
    world.limits = limited(20)
    world.limiter = ledger = RecordingRateLimiter()
    user = await world.sign_up(ADA)
    token = (await world.log_in(ADA)).refresh
    ledger.keys.clear()

    await register(world, "bob@example.org", HERE)
    await log_in(world, EVE, "a guess", HERE)
    await refresh(world, token, HERE)
    session_id = SessionId("0" * 32)
    await world.rate_limiting.count_confirmation(session_id, HERE.address)
    await world.rate_limiting.count_change(user.id)
    await world.rate_limiting.admits_mail(RESET, EVE, HERE.address)
    await world.rate_limiting.count_link_from(HERE.address)

    account = sha256(EVE.encode()).hexdigest()[:32]
    owner = sha256(user.id.hex.encode()).hexdigest()[:32]
    confirmation = sha256(f"password:{session_id}".encode()).hexdigest()[:32]
    from_network = sha256(f"{network_of('192.0.2.1')} {EVE}".encode()).hexdigest()[:32]
    assert ledger.keys == [
        "register-address:192.0.2.1",
        "register:all",
        "login-address:192.0.2.1",
        f"login-account:network:{from_network}",
        f"login-account:{account}",
        "login:all",
        "refresh-address:192.0.2.1",
        "refresh:all",
        f"refresh-account:{owner}",
        "login-address:192.0.2.1",
        f"login-account:{confirmation}",
        f"change-account:{owner}",
        "mail-address:192.0.2.1",
        f"mail-recipient:password_reset:{account}",
        "mail:all",
        "link-address:192.0.2.1",
    ]
