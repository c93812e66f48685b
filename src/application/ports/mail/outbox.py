"""The messages that are to be delivered."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.ports.effects import Effects, Stored
from domain.email import Email
from domain.mail.message import Delivery, DeliveryState, MessageId

ReportDelivery = Callable[[Delivery], None]
"""Report to the operator what has become of a message after an attempt to deliver it."""


MailPosition = tuple[datetime, MessageId]
"""The time when a message was made, and its id: its place in the lists of the outbox."""


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How many messages wait, and for how long.

    :ivar queued: messages that are neither sent nor given up.
    :ivar oldest: when the oldest of them was made.
    """

    queued: int
    oldest: datetime | None


class Outbox(Protocol):
    """Messages, until they are sent, and for a while after that. It holds no secret."""

    @abstractmethod
    async def add(self, effects: Effects) -> Stored[bool]:
        """Queue the messages among the effects, and mark the token that they spend as used.

        A message whose id is stored already is left alone. A store that shares its database with
        the audit log stores the events in the same transaction.
        """

    @abstractmethod
    async def lease(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Begin to deliver messages that are queued and due, those that are due first at first.

        Of parallel calls, in any number of processes, each gets other messages. They are not due
        again before ``until`` (:meth:`Delivery.leased`).

        :returns: the deliveries as stored now, in any order.
        """

    @abstractmethod
    async def replace(self, old: Delivery, new: Delivery) -> bool:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap.

        :returns: whether it was stored: another worker has not leased the message meanwhile.
        """

    @abstractmethod
    async def get(self, message_id: MessageId) -> Delivery | None:
        """Return the delivery as stored now."""

    @abstractmethod
    async def page(
        self, state: DeliveryState | None, after: MailPosition | None, limit: int
    ) -> Sequence[Delivery]:
        """Return deliveries, those made last first, and of one time in the order of their ids.

        :param after: of the last one of the page before, which may be deleted meanwhile.
        """

    @abstractmethod
    async def count(self, state: DeliveryState, up_to: int) -> int:
        """Count the messages of a state.

        :param up_to: where the counting ends, if there are more.
        """

    @abstractmethod
    async def to(self, email: Email, limit: int) -> Sequence[Delivery]:
        """Return the deliveries to an address, those made last first."""

    @abstractmethod
    async def delete(self, message_id: MessageId) -> bool:
        """Delete a message in any state. Deleting twice is no error.

        :returns: whether it was there.
        """

    @abstractmethod
    async def forget(self, email: Email) -> None:
        """Delete the messages to an address that were sent or given up: its user is deleted."""

    @abstractmethod
    async def prune(self, before: datetime, limit: int) -> int:
        """Delete messages that were sent or given up before this time, and queued ones that
        expired before it: those that no process delivers, since mail is off.

        :returns: how many were deleted; fewer than the limit if none is left.
        """

    @abstractmethod
    async def status(self) -> OutboxStatus:
        """Return how many messages are queued, and since when."""
