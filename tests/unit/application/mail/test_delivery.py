"""Delivering the messages of the outbox."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.mail import delivery
from application.ports import NO_EFFECTS, Letter, MailDelayed, MailRefused
from domain.email import Email
from domain.errors import Unavailable
from domain.mail.message import Delivery, DeliveryState, MailKind, Message, MessageId
from domain.mail.one_time_token import Purpose, digest_of
from domain.user import User
from doorward.conformance.support.opening import until
from infrastructure.signing.one_time_secrets import HmacOneTimeSecrets
from tests.support.builders import NOW, SECOND, new_id
from tests.support.world import World

ADA = Email.parse("ada@example.org")
HOUR = timedelta(hours=1)


def a_message(kind: MailKind = MailKind.PASSWORD_RESET, **changes: Any) -> Message:
    message = Message(MessageId(new_id()), kind, ADA, NOW, NOW + HOUR)
    return replace(message, **changes)


async def queue(world: World, *messages: Message) -> None:
    await world.outbox.add(NO_EFFECTS.with_messages(*messages))


async def state_of(world: World, message: Message) -> DeliveryState | None:
    delivery = await world.outbox.get(message.id)
    return delivery.state if delivery else None


@pytest.fixture
async def user(world: World) -> User:
    return await world.sign_up("ada@example.org")


async def test_a_link_reaches_the_user_and_its_token_is_good(world: World, user: User) -> None:
    message = a_message()
    await queue(world, message)

    [letter] = await world.read_mail()

    assert (letter.to, letter.kind) == ("ada@example.org", MailKind.PASSWORD_RESET)
    assert letter.token is not None
    assert len(letter.token) == 43
    token, found = await world.find_token(letter.token, Purpose.PASSWORD_RESET)
    assert (token.expires_at, found) == (message.expires_at, user)
    assert await state_of(world, message) is DeliveryState.SENT


@pytest.mark.usefixtures("user")
async def test_a_letter_goes_to_the_stored_spelling_of_the_address(world: World) -> None:
    await queue(world, a_message(to=Email.parse("\uff41da@example.org")))

    [letter] = await world.read_mail()

    assert letter.to == "ada@example.org"


@pytest.mark.parametrize(
    "kind", [MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION, MailKind.ALREADY_REGISTERED]
)
async def test_nothing_is_sent_to_an_address_without_a_user(world: World, kind: MailKind) -> None:
    message = a_message(kind)
    await queue(world, message)

    assert await world.read_mail() == []
    assert await world.outbox.get(message.id) is None  # nor is the address kept


async def test_a_verified_address_is_not_verified_again(world: World, user: User) -> None:
    await world.change(user, verified=True)
    await queue(world, a_message(MailKind.EMAIL_VERIFICATION))

    assert await world.read_mail() == []


async def test_a_letter_is_in_the_language_of_its_user(world: World, user: User) -> None:
    await world.change(user, locale="de")
    await queue(world, a_message())

    assert [letter.locale for letter in await world.read_mail()] == ["de"]


async def test_a_message_of_an_earlier_generation_is_dropped(world: World, user: User) -> None:
    await world.change(user, generation=1)
    await queue(world, a_message(MailKind.EMAIL_CHANGE, user_id=user.id, generation=0))

    assert await world.read_mail() == []


async def test_a_new_address_gets_a_link(world: World, user: User) -> None:
    new = Email.parse("new@example.org")
    await queue(world, a_message(MailKind.EMAIL_CHANGE, to=new, user_id=user.id, generation=0))

    [letter] = await world.read_mail()

    assert (letter.to, letter.kind) == ("new@example.org", MailKind.EMAIL_CHANGE)
    assert letter.token is not None
    token, _ = await world.find_token(letter.token, Purpose.EMAIL_CHANGE)
    assert token.email == new


async def test_the_owner_of_a_taken_address_gets_no_link(world: World, user: User) -> None:
    taken = (await world.sign_up("eve@example.org")).email
    await queue(world, a_message(MailKind.EMAIL_CHANGE, to=taken, user_id=user.id))

    [letter] = await world.read_mail()

    assert (letter.to, letter.kind) == ("eve@example.org", MailKind.EMAIL_CHANGE_TAKEN)
    assert letter.token is None


@pytest.mark.parametrize("kind", [MailKind.EMAIL_CHANGE_REQUESTED, MailKind.EMAIL_CHANGED])
async def test_the_former_address_gets_a_link_that_restores_it(
    world: World, user: User, kind: MailKind
) -> None:
    await world.change(user, email=Email.parse("thief@example.org"))
    await queue(world, a_message(kind, user_id=user.id))

    [letter] = await world.read_mail()

    assert letter.to == "ada@example.org"
    assert letter.token is not None
    token, _ = await world.find_token(letter.token, Purpose.EMAIL_UNDO)
    assert token.email == ADA


async def test_no_link_is_made_for_a_deleted_user(world: World, user: User) -> None:
    await queue(world, a_message(MailKind.EMAIL_CHANGED, user_id=user.id))
    await world.users.delete(user.id)

    assert await world.read_mail() == []


async def test_a_notice_outlives_its_user(world: World, user: User) -> None:
    await queue(world, a_message(MailKind.ACCOUNT_DELETED, user_id=user.id, locale="de"))
    await world.users.delete(user.id)

    [letter] = await world.read_mail()

    assert (letter.to, letter.locale, letter.token) == ("ada@example.org", "de", None)


@pytest.mark.usefixtures("user")
async def test_a_delayed_message_is_sent_later_with_the_same_token(world: World) -> None:
    message = a_message()
    await queue(world, message)
    world.mailbox.failures["ada@example.org"] = MailDelayed("smtp_451")
    await world.read_mail()
    delayed = await world.outbox.get(message.id)
    assert delayed is not None
    assert (delayed.state, delayed.error) == (DeliveryState.QUEUED, "smtp_451")

    world.mailbox.failures.clear()
    assert await world.read_mail() == []
    world.clock.advance(15 * SECOND)
    [letter] = await world.read_mail()

    assert letter.token == world.secrets.derive(message.id, Purpose.PASSWORD_RESET)[0]


@pytest.mark.usefixtures("user")
async def test_a_refused_message_is_given_up(world: World) -> None:
    message = a_message()
    await queue(world, message)
    world.mailbox.failures["ada@example.org"] = MailRefused("smtp_550")

    await world.read_mail()

    assert await state_of(world, message) is DeliveryState.GIVEN_UP


@pytest.mark.usefixtures("user")
async def test_an_expired_message_is_given_up(world: World) -> None:
    message = a_message()
    await queue(world, message)
    world.clock.advance(HOUR)

    assert await world.read_mail() == []
    delivery = await world.outbox.get(message.id)
    assert delivery is not None
    assert (delivery.state, delivery.error) == (DeliveryState.GIVEN_UP, "expired")


@pytest.mark.parametrize("kind", [MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION])
async def test_an_expired_message_leaves_no_address_of_a_stranger(
    world: World, kind: MailKind
) -> None:
    message = a_message(kind)
    await queue(world, message)
    world.clock.advance(HOUR)

    assert await world.read_mail() == []
    assert await world.outbox.get(message.id) is None


@pytest.mark.usefixtures("user")
async def test_a_message_whose_secret_was_lost_is_given_up_and_kept(world: World) -> None:
    message = a_message()
    await queue(world, message)
    world.mailbox.failures["ada@example.org"] = MailDelayed("smtp_451")
    await world.read_mail()
    world.mailbox.failures.clear()

    world.secrets = HmacOneTimeSecrets(lambda: [b"another one"])
    world.clock.advance(15 * SECOND)

    assert await world.read_mail() == []
    delivery = await world.outbox.get(message.id)
    assert delivery is not None
    assert (delivery.state, delivery.error) == (DeliveryState.GIVEN_UP, "secret_lost")


@pytest.mark.usefixtures("user")
async def test_a_message_that_was_sent_already_brings_no_used_token_back(world: World) -> None:
    message = a_message()
    await queue(world, message)
    [letter] = await world.read_mail()
    assert letter.token is not None
    token, found = await world.find_token(letter.token, Purpose.PASSWORD_RESET)
    effects = NO_EFFECTS.spending(token)
    await world.users.replace(found, found.with_new_password("x", NOW), effects)

    sent = await world.outbox.get(message.id)
    assert sent is not None
    await world.outbox.replace(sent, sent.retried(world.clock()))  # its worker died, say

    assert await world.read_mail() == []


async def test_a_refused_recipient_holds_up_no_other(world: World, user: User) -> None:
    bad = a_message(MailKind.PASSWORD_CHANGED, to=Email.parse("bad@example.org"))
    good = [a_message(MailKind.PASSWORD_CHANGED, user_id=user.id) for _ in range(20)]
    world.mailbox.failures["bad@example.org"] = MailRefused("smtp_550")
    await queue(world, bad, *good)

    assert len(await world.read_mail()) == len(good)


async def test_a_slow_recipient_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LOOK_AGAIN", 3600)
    slow = a_message(MailKind.PASSWORD_CHANGED, to=Email.parse("slow@example.org"))
    world.mailbox.released["slow@example.org"] = released = asyncio.Event()
    await queue(world, slow, *[a_message(MailKind.PASSWORD_CHANGED) for _ in range(20)])

    delivering = asyncio.create_task(world.read_mail())
    await until(lambda: len(world.mailbox.letters) == 20)
    assert not delivering.done()
    released.set()

    assert len(await delivering) == 21


async def test_at_most_eight_letters_are_sent_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Email.parse("slow@example.org")
    world.mailbox.released["slow@example.org"] = released = asyncio.Event()
    first = a_message(MailKind.PASSWORD_CHANGED, created_at=NOW - SECOND)
    await queue(world, first, *[a_message(MailKind.PASSWORD_CHANGED, to=slow) for _ in range(20)])
    send = world.mailbox.send
    running: set[MessageId] = set()
    numbers = [0]

    async def send_and_count(letter: Letter) -> None:
        running.add(letter.id)
        numbers.append(len(running))
        await send(letter)
        running.remove(letter.id)

    monkeypatch.setattr(world.mailbox, "send", send_and_count)
    delivering = asyncio.create_task(world.read_mail())
    await until(lambda: bool(world.mailbox.letters) and len(running) >= 8)
    released.set()

    assert len(await delivering) == 21
    assert max(numbers) == 8


async def test_a_message_that_cannot_be_handled_interrupts_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, bad = (
        a_message(MailKind.PASSWORD_CHANGED, to=Email.parse(f"{name}@example.org"))
        for name in ("slow", "bad")
    )
    world.mailbox.released["slow@example.org"] = released = asyncio.Event()
    await queue(world, slow, bad)
    send = world.mailbox.send

    async def fail(letter: Letter) -> None:
        if letter.to == "bad@example.org":
            released.set()
            raise ZeroDivisionError
        await send(letter)

    monkeypatch.setattr(world.mailbox, "send", fail)
    with pytest.raises(ZeroDivisionError):
        await world.deliver_mail()

    assert await state_of(world, slow) is DeliveryState.SENT
    assert await state_of(world, bad) is DeliveryState.QUEUED


async def test_messages_that_cannot_be_handled_hold_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [a_message(MailKind.PASSWORD_CHANGED, created_at=NOW - HOUR) for _ in range(20)]
    good = a_message(MailKind.PASSWORD_CHANGED, to=Email.parse("good@example.org"))
    await queue(world, *bad, good)
    send = world.mailbox.send

    async def fail(letter: Letter) -> None:
        if letter.to != "good@example.org":
            raise ZeroDivisionError
        await send(letter)

    monkeypatch.setattr(world.mailbox, "send", fail)
    with pytest.raises(ZeroDivisionError):
        await world.deliver_mail()

    assert await state_of(world, good) is DeliveryState.SENT


async def test_an_outage_of_the_outbox_interrupts_no_letter_and_begins_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, late = (a_message(MailKind.PASSWORD_CHANGED) for _ in range(2))
    world.mailbox.released["ada@example.org"] = released = asyncio.Event()
    await queue(world, message)
    lease = world.outbox.lease

    async def fail_while_sending(*arguments: Any) -> Sequence[Delivery]:
        if world.mailbox.is_waiting and not released.is_set():
            await queue(world, late)
            released.set()
            raise Unavailable("outbox")
        return await lease(*arguments)

    monkeypatch.setattr(world.outbox, "lease", fail_while_sending)
    with pytest.raises(Unavailable):
        await world.deliver_mail()

    assert await state_of(world, message) is DeliveryState.SENT
    assert await state_of(world, late) is DeliveryState.QUEUED


async def test_nothing_is_taken_while_a_store_does_not_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(world, *[a_message(MailKind.PASSWORD_CHANGED) for _ in range(20)])

    async def fail(_: Delivery, _new: Delivery) -> bool:
        raise Unavailable("outbox")

    monkeypatch.setattr(world.outbox, "replace", fail)
    with pytest.raises(Unavailable):
        await world.deliver_mail()

    assert len(world.mailbox.letters) < 20


async def test_a_delivery_at_shutdown_finishes_its_letters_and_begins_no_other(
    world: World,
) -> None:
    slow = Email.parse("slow@example.org")
    begun = [a_message(MailKind.PASSWORD_CHANGED, to=slow) for _ in range(8)]
    waiting = a_message(MailKind.PASSWORD_CHANGED, created_at=NOW + SECOND / 1000)
    world.clock.advance(SECOND)
    world.mailbox.released["slow@example.org"] = released = asyncio.Event()
    await queue(world, *begun, waiting)
    delivering = asyncio.create_task(world.read_mail())
    await until(lambda: world.mailbox.is_waiting)

    delivering.cancel()
    await asyncio.sleep(0)
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await delivering

    assert {await state_of(world, each) for each in begun} == {DeliveryState.SENT}
    assert await state_of(world, waiting) is DeliveryState.QUEUED


async def test_a_delivery_that_is_cancelled_twice_ends_what_it_began(world: World) -> None:
    message = a_message(MailKind.PASSWORD_CHANGED)
    world.mailbox.released["ada@example.org"] = asyncio.Event()
    await queue(world, message)
    delivering = asyncio.create_task(world.read_mail())
    await until(lambda: world.mailbox.is_waiting)

    delivering.cancel()
    await asyncio.sleep(0)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering

    assert await world.outbox.lease(NOW, NOW, 1) == []  # until its lease ends
    assert [each.message for each in await world.outbox.lease(NOW + HOUR, NOW, 1)] == [message]


async def test_ended_messages_and_expired_tokens_are_pruned(world: World, user: User) -> None:
    sent, waiting = a_message(), a_message(MailKind.EMAIL_CHANGED, user_id=user.id)
    await queue(world, sent)
    [letter] = await world.read_mail()
    await queue(world, waiting)

    world.clock.advance(2 * HOUR)
    await world.prune_mail()

    assert await world.outbox.get(sent.id) is None
    assert await state_of(world, waiting) is DeliveryState.QUEUED
    assert letter.token is not None
    assert await world.tokens.by_digest(digest_of(letter.token)) is None


@pytest.mark.usefixtures("user")
async def test_pruning_goes_on_until_nothing_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_MANY", 1)
    messages = [a_message() for _ in range(3)]
    await queue(world, *messages)
    tokens = [letter.token for letter in await world.read_mail() if letter.token]
    assert len(tokens) == len(messages)

    world.clock.advance(2 * HOUR)
    await world.prune_mail()

    assert await world.outbox.page(None, None, 10) == []
    assert [await world.tokens.by_digest(digest_of(each)) for each in tokens] == [None] * 3
