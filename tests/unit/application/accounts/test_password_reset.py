"""Resetting a password by the link in a mail."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from application.accounts.password_reset import PendingReset
from application.mail.messages import MailPolicy
from application.ports import HashClient
from domain.actor import Operator
from domain.email import Email
from domain.errors import (
    InvalidCredentials,
    InvalidInput,
    MailOff,
    NotFound,
    OneTimeTokenInvalid,
    TokenRejected,
    Unavailable,
)
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.passwords.password import Password
from domain.rate_limit import TooManyRequests
from domain.request_context import RequestContext
from domain.session import Session
from domain.user import User, UserId
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from tests.support.builders import PASSWORD, SECOND, new_id
from tests.support.doubles import YieldingHasher
from tests.support.world import World
from tests.unit.application.attempts import limited

ADA = "ada@example.org"
NEW = "a better one than before"
PAGE = "https://app.example.com/reset"
HERE, THERE = RequestContext("192.0.2.7"), RequestContext("198.51.100.9")


@pytest.fixture
async def user(world: World) -> User:
    return await world.sign_up(ADA)


async def stored(world: World, user: User) -> User:
    found = await world.users.get(user.id)
    assert found
    return found


async def ask_for_link(world: World, email: str = ADA) -> str:
    """Return the token of the mail that a request causes."""
    await world.request_password_reset(email)
    [letter] = await world.read_mail()
    assert letter.token
    return letter.token


async def test_a_reset_replaces_the_password_and_proves_the_address(
    world: World, user: User
) -> None:
    token = await ask_for_link(world)

    await world.reset_password(token, NEW)

    await world.login(ADA, NEW)
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, PASSWORD)
    assert (await stored(world, user)).verified


async def test_a_reset_ends_all_sessions(world: World, user: User) -> None:
    tokens = await world.log_in(ADA)
    token = await ask_for_link(world)

    await world.reset_password(token, NEW)

    with pytest.raises(TokenRejected):
        await world.authenticate(tokens.access)
    assert await world.sessions.of_user(user.id) == []


async def test_a_reset_succeeds_while_the_sessions_do_not_answer(world: World, user: User) -> None:
    tokens = await world.log_in(ADA)
    token = await ask_for_link(world)
    answering, world.sessions = world.sessions, Silent()

    await world.reset_password(token, NEW)

    world.sessions = answering
    assert (await stored(world, user)).verified
    with pytest.raises(TokenRejected):
        await world.authenticate(tokens.access)


async def test_a_reset_is_recorded_and_its_user_notified(world: World, user: User) -> None:
    token = await ask_for_link(world)
    world.events.events.clear()

    await world.reset_password(token, NEW, HERE)

    [event] = world.events.events
    assert (event.type, event.outcome, event.user_id) == ("reset password", "success", user.id)
    assert event.is_kept
    [letter] = await world.read_mail()
    assert (letter.kind, letter.to) == (MailKind.PASSWORD_CHANGED, ADA)


@pytest.mark.usefixtures("user")
async def test_a_token_is_good_once(world: World) -> None:
    token = await ask_for_link(world)
    await world.reset_password(token, NEW)

    with pytest.raises(OneTimeTokenInvalid):
        await world.reset_password(token, "yet another passphrase")

    await world.login(ADA, NEW)


@pytest.mark.usefixtures("user")
async def test_a_reset_ends_the_other_links(world: World) -> None:
    first, second = await ask_for_link(world), await ask_for_link(world)
    await world.reset_password(second, NEW)

    with pytest.raises(OneTimeTokenInvalid):
        await world.check_password_reset(first)


@pytest.mark.usefixtures("user")
async def test_a_check_says_whose_password_it_is_and_uses_nothing_up(world: World) -> None:
    token = await ask_for_link(world)

    assert await world.check_password_reset(token) == PendingReset(ADA, [])
    await world.check_password_reset(token)

    await world.reset_password(token, NEW)


@pytest.mark.parametrize("password", ["short", "password1", "ada@example.org"])
@pytest.mark.usefixtures("user")
async def test_a_refused_password_does_not_use_the_token_up(world: World, password: str) -> None:
    token = await ask_for_link(world)

    with pytest.raises(InvalidInput) as refused:
        await world.reset_password(token, password)

    assert [each.field for each in refused.value.problems] == ["password"]
    await world.reset_password(token, NEW)


async def test_a_token_of_another_purpose_resets_nothing(world: World, user: User) -> None:
    now = world.clock()
    issued = await world.issue_token(
        new_id(), Purpose.EMAIL_VERIFICATION, user, user.email, now, now + timedelta(hours=1)
    )
    assert issued.changed

    for use in (
        world.check_password_reset(issued.changed),
        world.reset_password(issued.changed, NEW),
    ):
        with pytest.raises(OneTimeTokenInvalid):
            await use


async def test_an_invalid_token_computes_no_hash_and_fills_no_audit_log(
    world: World, user: User
) -> None:
    made = world.hasher.made
    world.events.events.clear()

    with pytest.raises(OneTimeTokenInvalid):
        await world.reset_password("x" * 43, NEW)

    assert world.hasher.made == made
    [event] = world.events.events
    assert not event.is_kept
    assert await stored(world, user) == user


async def test_a_reset_does_not_enable_a_disabled_account(world: World, user: User) -> None:
    await world.change_user(Operator(), user.id, disabled=True)
    await world.read_mail()
    token = await ask_for_link(world)

    await world.reset_password(token, NEW)

    assert (await stored(world, user)).disabled
    with pytest.raises(InvalidCredentials):
        await world.login(ADA, NEW)


async def test_a_change_of_the_password_ends_the_links(world: World, user: User) -> None:
    token = await ask_for_link(world)
    await world.set_password(Operator(), user.id, "a fox that runs at night")

    with pytest.raises(OneTimeTokenInvalid):
        await world.reset_password(token, NEW)


async def test_of_20_parallel_uses_one_wins(world: World, user: User) -> None:
    token = await ask_for_link(world)
    world.hasher = YieldingHasher()
    passwords = [f"passphrase of rabbit {number}" for number in range(20)]

    results = await asyncio.gather(
        *(world.reset_password(token, each) for each in passwords), return_exceptions=True
    )

    [winner] = [each for each, error in zip(passwords, results, strict=True) if error is None]
    assert {type(error) for error in results if error} == {OneTimeTokenInvalid}
    await world.login(ADA, winner)
    assert (await stored(world, user)).generation == user.generation + 1


async def test_a_concurrent_change_of_the_user_is_kept(world: World, user: User) -> None:
    token = await ask_for_link(world)

    class Renaming(YieldingHasher):
        async def hash(self, password: Password, client: HashClient) -> str:
            await world.change(user, name="Ada King")
            return await super().hash(password, client)

    world.hasher = Renaming()

    await world.reset_password(token, NEW)

    assert (await stored(world, user)).name == "Ada King"
    await world.login(ADA, NEW)


async def test_a_concurrent_disabling_ends_the_link(world: World, user: User) -> None:
    token = await ask_for_link(world)

    class Disabling(YieldingHasher):
        async def hash(self, password: Password, client: HashClient) -> str:
            await world.change_user(Operator(), user.id, disabled=True)
            return await super().hash(password, client)

    world.hasher = Disabling()

    with pytest.raises(OneTimeTokenInvalid):
        await world.reset_password(token, NEW)

    assert (await stored(world, user)).password_hash == user.password_hash


@pytest.mark.usefixtures("user")
async def test_the_owner_of_an_attacked_account_logs_in_after_a_reset(world: World) -> None:
    world.limits = limited(3, "login_account")
    for _ in range(3):
        with pytest.raises(InvalidCredentials):
            await world.login(ADA, "a guess", THERE)
    token = await ask_for_link(world)

    await world.reset_password(token, NEW, HERE)

    await world.login(ADA, NEW, HERE)
    with pytest.raises(TooManyRequests):
        await world.login(ADA, NEW, RequestContext("203.0.113.5"))


@pytest.mark.usefixtures("user")
async def test_uses_of_tokens_from_one_address_are_limited(world: World) -> None:
    token = await ask_for_link(world)
    world.limits = limited(2, "link_address")
    await world.check_password_reset(token, THERE)
    await world.check_password_reset(token, THERE)

    with pytest.raises(TooManyRequests):
        await world.check_password_reset(token, THERE)
    with pytest.raises(TooManyRequests):
        await world.reset_password(token, NEW, THERE)

    await world.reset_password(token, NEW, HERE)


class Silent(MemorySessions):
    async def of_user(self, user_id: UserId) -> Sequence[Session]:
        raise Unavailable("sessions") from KeyError(user_id)


class Unread(MemoryUsers):
    """Users that a request may not look up: the time would differ."""

    async def by_email(self, email: Email) -> User | None:
        raise AssertionError(email)

    async def get(self, user_id: UserId) -> User | None:
        raise AssertionError(user_id)


@pytest.mark.parametrize("email", [ADA, "nobody@example.org"])
@pytest.mark.usefixtures("user")
async def test_a_request_looks_no_user_up_and_queues_one_message(world: World, email: str) -> None:
    world.users = Unread()

    await world.request_password_reset(email)

    [delivery] = await world.outbox.page(None, None, 10)
    assert (delivery.message.to.key, delivery.message.user_id) == (email, None)


@pytest.mark.usefixtures("user")
async def test_an_unknown_address_gets_no_mail(world: World) -> None:
    await world.request_password_reset("nobody@example.org")

    assert await world.read_mail() == []


@pytest.mark.usefixtures("user")
async def test_a_request_over_the_limit_is_answered_alike_and_queues_nothing(
    world: World,
) -> None:
    world.limits = limited(1, "mail_recipient")

    for _ in range(3):
        await world.request_password_reset(ADA)

    assert len(await world.read_mail()) == 1


@pytest.mark.usefixtures("user")
async def test_a_request_chooses_a_configured_page(world: World) -> None:
    world.mail_policy = MailPolicy(link_targets=frozenset({PAGE}))

    await world.request_password_reset(ADA, PAGE)

    [letter] = await world.read_mail()
    assert letter.link_target == PAGE


async def test_a_request_names_all_its_problems(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.request_password_reset("no address", "https://evil.example/")

    assert [each.field for each in refused.value.problems] == ["email", "link_target"]
    assert await world.outbox.page(None, None, 10) == []


async def test_a_request_is_refused_where_no_mail_is_sent(world: World) -> None:
    world.mail_policy = MailPolicy(is_on=False)

    with pytest.raises(MailOff):
        await world.request_password_reset("no address")


async def test_an_administrator_sends_a_link_to_the_user(world: World, user: User) -> None:
    admin = await world.administrator()
    world.events.events.clear()

    await world.send_password_reset(admin, user.id, HERE)

    [event] = world.events.events
    assert (event.type, event.outcome) == ("request password reset", "success")
    assert (event.user_id, event.actor) == (user.id, admin.user.id)
    [letter] = await world.read_mail()
    assert letter.token
    await world.reset_password(letter.token, NEW)
    await world.login(ADA, NEW)


async def test_a_link_for_an_unknown_user_is_not_sent(world: World, user: User) -> None:
    await world.users.delete(user.id)

    admin = await world.administrator()
    with pytest.raises(NotFound):
        await world.send_password_reset(admin, user.id)
    with pytest.raises(NotFound):
        await world.make_reset_link(Operator(), user.id)


async def test_no_link_is_sent_where_no_mail_is_sent(world: World, user: User) -> None:
    world.mail_policy = MailPolicy(is_on=False)

    admin = await world.administrator()
    with pytest.raises(MailOff):
        await world.send_password_reset(admin, user.id)


async def test_the_operator_makes_a_link_without_mail(world: World, user: User) -> None:
    world.mail_policy = MailPolicy(is_on=False)
    world.events.events.clear()

    link = await world.make_reset_link(Operator(), user.id)

    [event] = world.events.events
    assert (event.type, event.outcome) == ("request password reset", "success")
    assert (event.user_id, event.actor) == (user.id, Operator())
    world.clock.now = link.expires_at - SECOND
    await world.reset_password(link.secret, NEW)
    await world.login(ADA, NEW)


async def test_a_link_that_cannot_be_used_is_not_made(world: World, user: User) -> None:
    world.mail_policy = replace(
        MailPolicy(), lifetimes={MailKind.PASSWORD_RESET: timedelta(seconds=0)}
    )

    with pytest.raises(OneTimeTokenInvalid):
        await world.make_reset_link(Operator(), user.id)
