"""What the operator does with the outbox, and with mail itself."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from application.audit import Audit
from application.mail.messages import MailPolicy
from application.ports import Clock, Letter, MailNotSent, MailSender, Outbox, RandomId, Stored
from domain.actor import Operator
from domain.audit.details import MailOfKind
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidInput, NotFound, Problem
from domain.mail.message import Delivery, DeliveryState, MailKind, MessageId
from domain.request_context import UNKNOWN

_PAGE = 100
"""Deliveries that are read at a time."""


@dataclass(frozen=True, slots=True)
class ListMail:
    """List the outbox, the messages that were made last first."""

    outbox: Outbox

    async def __call__(self, state: DeliveryState | None = None) -> AsyncIterator[Delivery]:
        """
        :param state: only of this state.
        """
        after = None
        while page := await self.outbox.page(state, after, _PAGE):
            for each in page:
                yield each
            after = page[-1].message


@dataclass(frozen=True, slots=True)
class RetryMail:
    """Queue a message again that waits or was given up, due at once."""

    outbox: Outbox
    audit: Audit
    clock: Clock

    async def __call__(self, operator: Operator, message_id: MessageId) -> Delivery:
        """
        :returns: the delivery as stored now.
        :raises NotFound: no message has the id.
        :raises InvalidInput: it was sent, has expired, or is changed at this moment.
        """
        found = await self.outbox.get(message_id)
        if found is None:
            raise NotFound
        if found.state is DeliveryState.SENT:
            raise InvalidInput(Problem("id", "is of a mail that was sent"))
        now = self.clock()
        if now >= found.message.expires_at:
            raise InvalidInput(Problem("id", "is of a mail that has expired"))
        retried = found.retried(now)
        entry = self.audit.begin(EventType.RETRY_MAIL, UNKNOWN, operator)
        entry.user_id, entry.details = found.message.user_id, MailOfKind(found.message.kind)
        stored = Stored(await self.outbox.replace(found, retried))
        if not await entry.settle(entry.success(), stored):
            raise InvalidInput(Problem("id", "is of a mail that is being sent: try again"))
        return retried


@dataclass(frozen=True, slots=True)
class RetryAllMail:
    """Queue all messages again that were given up and have not expired."""

    outbox: Outbox
    retry_mail: RetryMail
    clock: Clock

    async def __call__(self, operator: Operator) -> int:
        """
        :returns: how many were queued.
        """
        count, now = 0, self.clock()
        async for each in ListMail(self.outbox)(DeliveryState.GIVEN_UP):
            if now < each.message.expires_at:
                with suppress(NotFound, InvalidInput):  # it was changed meanwhile
                    await self.retry_mail(operator, each.message.id)
                    count += 1
        return count


@dataclass(frozen=True, slots=True)
class DropMail:
    """Delete a message. It is not sent any more, unless that has begun."""

    outbox: Outbox
    audit: Audit

    async def __call__(self, operator: Operator, message_id: MessageId) -> Delivery:
        """
        :returns: the delivery as it was stored.
        :raises NotFound: no message has the id.
        """
        found = await self.outbox.get(message_id)
        if found is None:
            raise NotFound
        entry = self.audit.begin(EventType.DROP_MAIL, UNKNOWN, operator)
        entry.user_id, entry.details = found.message.user_id, MailOfKind(found.message.kind)
        await entry.settle(entry.success(), Stored(await self.outbox.delete(message_id)))
        return found


@dataclass(frozen=True, slots=True)
class SendTestMail:
    """Send a mail at once, past the outbox, to try the configuration."""

    sender: MailSender
    mail_policy: MailPolicy
    clock: Clock
    random_id: RandomId

    async def __call__(self, to: Email) -> str | None:
        """
        :returns: why the mail server did not accept it, as a stable name; ``None`` if it did.
        :raises MailOff: this installation sends no mail.
        """
        self.mail_policy.require_mail()
        now = self.clock()
        letter = Letter(
            id=MessageId(self.random_id()),
            kind=MailKind.TEST,
            to=to.address,
            locale=None,
            created_at=now,
            expires_at=now + timedelta(hours=1),
            facts={},
        )
        try:
            await self.sender.send(letter)
        except MailNotSent as error:
            return error.reason
        return None
