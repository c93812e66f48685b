"""The contract of Outbox: one process at a time delivers a message."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from application.ports import Outbox
from domain.mail.message import Delivery, DeliveryState
from doorward.conformance.support.examples import MICROSECOND, NOW, SECOND, a_message
from doorward.conformance.support.opening import MailStores
from doorward.conformance.support.outbox import LEASE, leased, queue, queued

pytestmark = pytest.mark.asyncio


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
