"""The contract of Outbox: no message is lost, and each is delivered by one process at a time."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

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

pytestmark = pytest.mark.asyncio

LEASE = timedelta(minutes=2)


async def queue(outbox: Outbox, *messages: Message) -> None:
    await outbox.add(NO_EFFECTS.with_messages(*messages))


async def settle(outbox: Outbox, effects: Effects, stored: Stored[bool]) -> None:
    """Hand the effects of a change on, as use cases do."""
    if stored.changed and not stored.effects_stored:
        await outbox.add(effects)


async def queued(outbox: Outbox, count: int) -> list[Message]:
    messages = [a_message(created_at=NOW + each * SECOND) for each in range(count)]
    await queue(outbox, *messages)
    return messages


async def leased(outbox: Outbox) -> Delivery:
    [delivery] = await outbox.lease(NOW, NOW + LEASE, 1)
    return delivery


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


async def test_a_lease_begins_an_attempt_and_is_stored(mail: MailStores) -> None:
    [message] = await queued(mail.outbox, 1)

    delivery = await leased(mail.outbox)

    assert delivery == Delivery.of(message).leased(NOW + LEASE)
    assert await mail.outbox.get(message.id) == delivery


async def test_a_leased_message_is_due_again_when_its_lease_ends(mail: MailStores) -> None:
    await queued(mail.outbox, 1)
    delivery = await leased(mail.outbox)
    end = NOW + LEASE

    assert await mail.outbox.lease(end - MICROSECOND, end, 10) == []
    assert await mail.outbox.lease(end, end + LEASE, 10) == [delivery.leased(end + LEASE)]


async def test_messages_that_are_due_first_are_leased_first(mail: MailStores) -> None:
    messages = [a_message(created_at=NOW - each * SECOND) for each in range(6)]
    await queue(mail.outbox, *messages)

    first = await mail.outbox.lease(NOW, NOW + LEASE, 2)
    second = await mail.outbox.lease(NOW - 2 * SECOND, NOW + LEASE, 10)

    assert {each.message.id for each in first} == {each.id for each in messages[4:]}
    assert {each.message.id for each in second} == {each.id for each in messages[2:4]}


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.GIVEN_UP])
async def test_an_ended_message_is_never_leased(mail: MailStores, state: DeliveryState) -> None:
    await queued(mail.outbox, 1)
    delivery = await leased(mail.outbox)
    await mail.outbox.replace(delivery, replace(delivery, state=state, ended_at=NOW))

    assert await mail.outbox.lease(NOW + 10 * LEASE, NOW + 11 * LEASE, 10) == []


async def test_parallel_leases_share_the_messages(mail: MailStores) -> None:
    await queued(mail.outbox, 30)

    batches = await asyncio.gather(
        *(mail.outbox.lease(NOW + LEASE, NOW + 2 * LEASE, 3) for _ in range(20))
    )

    counts = Counter(each.message.id for batch in batches for each in batch)
    assert set(counts.values()) == {1}
    assert all(len(batch) <= 3 for batch in batches)


async def test_two_processes_deliver_each_message_once(
    two_mails: tuple[MailStores, MailStores],
) -> None:
    messages = await queued(two_mails[0].outbox, 60)
    taken: Counter[str] = Counter()

    async def work(outbox: Outbox) -> None:
        while batch := await outbox.lease(NOW + LEASE, NOW + 2 * LEASE, 4):
            for each in batch:
                taken[each.message.id] += 1
                assert await outbox.replace(each, each.sent(NOW))

    await asyncio.gather(*(work(each.outbox) for each in two_mails for _ in range(3)))

    assert taken == Counter({each.id: 1 for each in messages})


async def test_of_parallel_replacements_one_succeeds(mail: MailStores) -> None:
    await queued(mail.outbox, 1)
    delivery = await leased(mail.outbox)
    changes = [delivery.sent(NOW + each * SECOND) for each in range(10)]

    replaced = await asyncio.gather(*(mail.outbox.replace(delivery, each) for each in changes))

    assert replaced.count(True) == 1
    assert await mail.outbox.get(delivery.message.id) == changes[replaced.index(True)]


async def test_a_worker_whose_lease_has_ended_changes_nothing(mail: MailStores) -> None:
    await queued(mail.outbox, 1)
    late = await leased(mail.outbox)
    [current] = await mail.outbox.lease(NOW + LEASE, NOW + 2 * LEASE, 1)

    assert not await mail.outbox.replace(late, late.sent(NOW))

    assert await mail.outbox.get(late.message.id) == current
    assert await mail.outbox.replace(current, current.sent(NOW))


async def test_every_state_comes_back_exactly(mail: MailStores) -> None:
    await queued(mail.outbox, 1)
    last = await leased(mail.outbox)
    for change in (
        last.delayed("smtp_451", 0.123, NOW + MICROSECOND),
        last.given_up("smtp_550", NOW + MICROSECOND),
        last.retried(NOW + SECOND),
        last.sent(NOW + SECOND),
    ):
        assert await mail.outbox.replace(last, change)
        assert await mail.outbox.get(last.message.id) == change
        last = change


async def test_a_page_has_the_newest_first_and_each_message_once(mail: MailStores) -> None:
    messages = [a_message(created_at=NOW + each // 3 * SECOND) for each in range(10)]
    await queue(mail.outbox, *messages)

    listed, after = list[Message](), None
    while page := await mail.outbox.page(None, after, 4):
        assert len(page) <= 4
        listed += [each.message for each in page]
        after = listed[-1]

    expected = sorted(messages, key=lambda each: (each.created_at, each.id), reverse=True)
    assert listed == expected


async def test_a_page_follows_a_message_that_was_deleted(mail: MailStores) -> None:
    messages = await queued(mail.outbox, 3)
    await mail.outbox.delete(messages[2].id)

    page = await mail.outbox.page(None, messages[2], 10)

    assert [each.message for each in page] == [messages[1], messages[0]]


async def test_a_page_has_one_state_only(mail: MailStores) -> None:
    await queued(mail.outbox, 3)
    delivery = await leased(mail.outbox)
    await mail.outbox.replace(delivery, given_up := delivery.given_up("smtp_550", NOW))

    assert await mail.outbox.page(DeliveryState.GIVEN_UP, None, 10) == [given_up]
    assert await mail.outbox.page(DeliveryState.SENT, None, 10) == []
    assert len(await mail.outbox.page(DeliveryState.QUEUED, None, 10)) == 2


async def test_a_message_is_deleted_once(mail: MailStores) -> None:
    [message, other] = await queued(mail.outbox, 2)

    assert await mail.outbox.delete(message.id)
    assert not await mail.outbox.delete(message.id)

    assert await mail.outbox.get(message.id) is None
    assert await mail.outbox.get(other.id) is not None


async def test_ended_messages_to_an_address_are_forgotten(mail: MailStores) -> None:
    waiting, sent, other = (
        a_message(),
        a_message(created_at=NOW - SECOND, to=Email.parse("ADA@example.org")),
        a_message(created_at=NOW - SECOND, to=Email.parse("eve@example.org")),
    )
    await queue(mail.outbox, waiting, sent, other)
    for each in await mail.outbox.lease(NOW - SECOND, NOW + LEASE, 10):
        assert await mail.outbox.replace(each, each.sent(NOW))

    await mail.outbox.forget(Email.parse("ada@example.org"))

    assert await mail.outbox.get(sent.id) is None
    assert await mail.outbox.get(waiting.id) is not None
    assert await mail.outbox.get(other.id) is not None


async def test_messages_that_ended_long_ago_are_pruned(mail: MailStores) -> None:
    await queued(mail.outbox, 6)
    deliveries = await mail.outbox.lease(NOW + LEASE, NOW + 2 * LEASE, 5)
    for number, each in enumerate(deliveries):
        assert await mail.outbox.replace(each, each.sent(NOW + number * SECOND))

    assert await mail.outbox.prune(NOW + 4 * SECOND, 3) == 3
    assert await mail.outbox.prune(NOW + 4 * SECOND, 3) == 1
    assert await mail.outbox.prune(NOW + 4 * SECOND, 3) == 0

    assert await mail.outbox.get(deliveries[4].message.id) is not None
    assert (await mail.outbox.status()).queued == 1


async def test_queued_messages_that_expired_long_ago_are_pruned(mail: MailStores) -> None:
    expired = [a_message(expires_at=NOW) for _ in range(3)]
    sent = a_message(created_at=NOW - SECOND)
    await queue(mail.outbox, *expired, sent, waiting := a_message())
    [delivery] = await mail.outbox.lease(NOW - SECOND, NOW + LEASE, 1)
    assert await mail.outbox.replace(delivery, delivery.sent(NOW))

    assert await mail.outbox.prune(NOW, 10) == 0
    assert await mail.outbox.prune(NOW + MICROSECOND, 2) == 2
    assert await mail.outbox.prune(NOW + MICROSECOND, 10) == 2

    assert (await mail.outbox.status()).queued == 1
    assert await mail.outbox.get(waiting.id) is not None


async def test_parallel_prunings_count_each_message_once(mail: MailStores) -> None:
    await queued(mail.outbox, 20)
    for each in await mail.outbox.lease(NOW + LEASE, NOW + 2 * LEASE, 20):
        assert await mail.outbox.replace(each, each.sent(NOW))

    async def prune() -> int:
        total = 0
        while pruned := await mail.outbox.prune(NOW + SECOND, 3):
            total += pruned
        return total

    assert sum(await asyncio.gather(*(prune() for _ in range(5)))) == 20


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
