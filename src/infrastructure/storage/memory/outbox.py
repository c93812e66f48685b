"""Messages in this process's memory: they are lost with it."""

from collections.abc import Sequence
from datetime import datetime

from application.ports import CHANGED, Effects, MailPosition, Outbox, OutboxStatus, Stored
from domain.email import Email
from domain.mail.message import Delivery, DeliveryState, MessageId
from infrastructure.storage.memory.one_time_tokens import MemoryOneTimeTokens


class MemoryOutbox(Outbox):
    """
    :param tokens: where the tokens are that messages carry.
    """

    def __init__(self, tokens: MemoryOneTimeTokens | None = None) -> None:
        self.tokens = tokens or MemoryOneTimeTokens()
        self._deliveries: dict[MessageId, Delivery] = {}

    async def add(self, effects: Effects) -> Stored[bool]:
        for message in effects.messages:
            self._deliveries.setdefault(message.id, Delivery.of(message))
        if effects.spent:
            self.tokens.spend(effects.spent)
        return CHANGED

    async def lease(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        due = sorted(
            (each for each in self._queued() if each.due_at <= now), key=lambda each: each.due_at
        )
        leased = [each.leased(until) for each in due[:limit]]
        self._deliveries.update({each.message.id: each for each in leased})
        return leased

    async def replace(self, old: Delivery, new: Delivery) -> bool:
        if self._deliveries.get(old.message.id) != old:
            return False
        self._deliveries[old.message.id] = new
        return True

    async def get(self, message_id: MessageId) -> Delivery | None:
        return self._deliveries.get(message_id)

    async def page(
        self, state: DeliveryState | None, after: MailPosition | None, limit: int
    ) -> Sequence[Delivery]:
        matching = [each for each in self._deliveries.values() if state in {None, each.state}]
        matching.sort(key=_position, reverse=True)
        if after is not None:
            matching = [each for each in matching if _position(each) < after]
        return matching[:limit]

    async def count(self, state: DeliveryState, up_to: int) -> int:
        return min(up_to, sum(each.state is state for each in self._deliveries.values()))

    async def to(self, email: Email, limit: int) -> Sequence[Delivery]:
        found = [each for each in self._deliveries.values() if each.message.to.key == email.key]
        return sorted(found, key=_position, reverse=True)[:limit]

    async def delete(self, message_id: MessageId) -> bool:
        return self._deliveries.pop(message_id, None) is not None

    async def forget(self, email: Email) -> None:
        for each in list(self._deliveries.values()):
            if each.message.to.key == email.key and each.ended_at is not None:
                del self._deliveries[each.message.id]

    async def prune(self, before: datetime, limit: int) -> int:
        ended = [
            each.message.id
            for each in self._deliveries.values()
            if (each.ended_at or each.message.expires_at) < before
        ]
        for message_id in ended[:limit]:
            del self._deliveries[message_id]
        return len(ended[:limit])

    async def status(self) -> OutboxStatus:
        made = [each.message.created_at for each in self._queued()]
        return OutboxStatus(len(made), min(made, default=None))

    def _queued(self) -> list[Delivery]:
        return [each for each in self._deliveries.values() if each.state is DeliveryState.QUEUED]


def _position(delivery: Delivery) -> MailPosition:
    return delivery.message.created_at, delivery.message.id
