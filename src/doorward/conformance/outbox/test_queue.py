"""The contract of Outbox: no message is lost, and each comes back as queued."""

from dataclasses import replace

import pytest

from application.ports import NO_EFFECTS, Effects, Outbox, OutboxStatus, Stored
from domain.email import Email
from domain.errors import EmailTaken, LastAdministrator
from domain.mail.message import Delivery, DeliveryState, MailKind, Message
from domain.permissions import Role
from doorward.conformance.support.examples import (
    ADA,
    MICROSECOND,
    NOW,
    SECOND,
    a_message,
    a_user,
    an_event,
)
from doorward.conformance.support.opening import MailStores
from doorward.conformance.support.outbox import leased, queue, queued

pytestmark = pytest.mark.asyncio


async def settle(outbox: Outbox, effects: Effects, stored: Stored[bool]) -> None:
    """Hand the effects of a change on, as use cases do."""
    if stored.changed and not stored.effects_stored:
        await outbox.add(effects)


def everything(message: Message) -> tuple[object, ...]:
    """Return what equality leaves out, too."""
    return message, message.to.address


async def test_a_message_comes_back_exactly(mail: MailStores) -> None:
    message = a_message(
        kind=MailKind.ACCOUNT_CHANGED,
        to=Email.parse("Ädä+x@Example.org"),
        created_at=NOW + MICROSECOND,
        user_id=ADA,
        generation=7,
        locale="pt-BR",
        link_target="https://app.example.com/reset?a=b",
        facts={"role": "admin", "name": 'quo"te \U0001f600', "": ""},
    )

    await queue(mail.outbox, message)

    delivery = await mail.outbox.get(message.id)
    assert delivery == Delivery(message, message.created_at)
    assert everything(delivery.message) == everything(message)


async def test_a_message_without_optional_attributes_comes_back_exactly(mail: MailStores) -> None:
    message = a_message()
    await queue(mail.outbox, message)

    assert await mail.outbox.get(message.id) == Delivery.of(message)
    assert await mail.outbox.get(a_message().id) is None


async def test_a_message_that_is_added_again_stays_as_it_is(mail: MailStores) -> None:
    message, other = a_message(), a_message()
    await queue(mail.outbox, message)
    sent = (await leased(mail.outbox)).sent(NOW)
    await mail.outbox.replace((await mail.outbox.get(message.id)) or sent, sent)

    await queue(mail.outbox, message, other)

    assert await mail.outbox.get(message.id) == sent
    assert await mail.outbox.get(other.id) == Delivery.of(other)


async def test_adding_nothing_changes_nothing(mail: MailStores) -> None:
    await mail.outbox.add(NO_EFFECTS)

    assert await mail.outbox.status() == OutboxStatus(0, None)


async def test_a_page_has_the_newest_first_and_each_message_once(mail: MailStores) -> None:
    messages = [a_message(created_at=NOW + each // 3 * SECOND) for each in range(10)]
    await queue(mail.outbox, *messages)

    listed, after = list[Message](), None
    while page := await mail.outbox.page(None, after, 4):
        assert len(page) <= 4
        listed += [each.message for each in page]
        after = (listed[-1].created_at, listed[-1].id)

    expected = sorted(messages, key=lambda each: (each.created_at, each.id), reverse=True)
    assert listed == expected


async def test_a_page_follows_a_message_that_was_deleted(mail: MailStores) -> None:
    messages = await queued(mail.outbox, 3)
    await mail.outbox.delete(messages[2].id)

    page = await mail.outbox.page(None, (messages[2].created_at, messages[2].id), 10)

    assert [each.message for each in page] == [messages[1], messages[0]]


async def test_the_messages_to_an_address_are_listed_with_the_last_first(
    mail: MailStores,
) -> None:
    to = Email.parse("eve@example.org")
    messages = [a_message(to=to, created_at=NOW + each * SECOND) for each in range(3)]
    await queue(mail.outbox, messages[1], a_message(), messages[2], messages[0])

    found = await mail.outbox.to(Email.parse("EVE@example.org"), 2)

    assert [each.message for each in found] == [messages[2], messages[1]]
    assert await mail.outbox.to(Email.parse("ghost@example.org"), 2) == []


async def test_a_page_has_one_state_only(mail: MailStores) -> None:
    await queued(mail.outbox, 3)
    delivery = await leased(mail.outbox)
    await mail.outbox.replace(delivery, given_up := delivery.given_up("smtp_550", NOW))

    assert await mail.outbox.page(DeliveryState.GIVEN_UP, None, 10) == [given_up]
    assert await mail.outbox.page(DeliveryState.SENT, None, 10) == []
    assert len(await mail.outbox.page(DeliveryState.QUEUED, None, 10)) == 2


async def test_the_messages_of_a_state_are_counted_up_to_a_bound(mail: MailStores) -> None:
    await queued(mail.outbox, 3)
    delivery = await leased(mail.outbox)
    await mail.outbox.replace(delivery, delivery.given_up("smtp_550", NOW))

    assert await mail.outbox.count(DeliveryState.GIVEN_UP, 10) == 1
    assert await mail.outbox.count(DeliveryState.SENT, 10) == 0
    assert [await mail.outbox.count(DeliveryState.QUEUED, most) for most in (1, 2, 3)] == [1, 2, 2]


async def test_the_status_counts_what_waits(mail: MailStores) -> None:
    assert await mail.outbox.status() == OutboxStatus(0, None)
    messages = await queued(mail.outbox, 3)
    delivery = await leased(mail.outbox)

    assert await mail.outbox.status() == OutboxStatus(3, messages[0].created_at)
    await mail.outbox.replace(delivery, delivery.sent(NOW))

    assert await mail.outbox.status() == OutboxStatus(2, messages[1].created_at)


async def test_the_messages_of_a_change_are_queued_with_it(mail: MailStores) -> None:
    user, message = a_user(), a_message()
    effects = Effects((an_event(),)).with_messages(message)

    await settle(mail.outbox, effects, await mail.users.add(user, effects))

    assert await mail.outbox.get(message.id) == Delivery.of(message)


async def test_a_refused_user_leaves_no_message(mail: MailStores) -> None:
    await mail.users.add(user := a_user())
    await mail.users.add(eve := a_user(email=Email.parse("eve@example.org")))
    effects = NO_EFFECTS.with_messages(a_message())

    with pytest.raises(EmailTaken):
        await mail.users.add(a_user(), effects)
    with pytest.raises(EmailTaken):
        await mail.users.replace(eve, replace(eve, email=user.email), effects)

    assert await mail.outbox.page(None, None, 10) == []


async def test_the_last_administrator_stays_without_a_message(mail: MailStores) -> None:
    admin = a_user(role=Role.ADMIN)
    await mail.users.add(admin)

    with pytest.raises(LastAdministrator):
        await mail.users.delete(admin.id, NO_EFFECTS.with_messages(a_message()))
    with pytest.raises(LastAdministrator):
        await mail.users.replace(
            admin, admin.with_role(Role.USER, NOW), NO_EFFECTS.with_messages(a_message())
        )

    assert await mail.outbox.page(None, None, 10) == []


async def test_a_change_that_comes_too_late_leaves_no_message(mail: MailStores) -> None:
    await mail.users.add(user := a_user())
    await mail.users.replace(user, replace(user, name="Countess"))

    for late in (
        await mail.users.replace(
            user, replace(user, name="Eve"), NO_EFFECTS.with_messages(a_message())
        ),
        await mail.users.delete(a_user().id, NO_EFFECTS.with_messages(a_message())),
    ):
        assert not late.changed

    assert await mail.outbox.page(None, None, 10) == []
