"""Queue messages and lease them."""

from datetime import timedelta

from application.ports import NO_EFFECTS, Outbox
from domain.mail.message import Delivery, Message
from doorward.conformance.support.examples import NOW, SECOND, a_message

LEASE = timedelta(minutes=2)


async def queue(outbox: Outbox, *messages: Message) -> None:
    await outbox.add(NO_EFFECTS.with_messages(*messages))


async def queued(outbox: Outbox, count: int) -> list[Message]:
    messages = [a_message(created_at=NOW + each * SECOND) for each in range(count)]
    await queue(outbox, *messages)
    return messages


async def leased(outbox: Outbox) -> Delivery:
    [delivery] = await outbox.lease(NOW, NOW + LEASE, 1)
    return delivery
