"""The contract of Outbox: messages that are deleted, forgotten or pruned."""

import asyncio

import pytest

from domain.email import Email
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND, a_message
from doorward.conformance.support.opening import MailStores
from doorward.conformance.support.outbox import LEASE, queue, queued

pytestmark = pytest.mark.asyncio


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
