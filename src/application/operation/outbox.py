"""What people do with the outbox, and with mail itself."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from application.audit import Audit, Entry
from application.mail.messages import MailPolicy
from application.pagination import Page, Total
from application.ports import (
    Clock,
    Letter,
    MailNotSent,
    MailPosition,
    MailSender,
    Outbox,
    RandomId,
    Stored,
)
from application.step_up import RequireStepUp
from domain.actor import Actor
from domain.audit.details import MailOfKind
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidInput, NotFound, Problem
from domain.mail.message import Delivery, DeliveryState, MailKind, MessageId, is_message_id
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext

_PAGE = 100
"""Deliveries that are read at a time."""
_MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListMail:
    outbox: Outbox

    async def __call__(
        self, actor: Actor, state: DeliveryState | None, after: str | None, limit: int
    ) -> Page[Delivery]:
        """Return a page of the outbox, the messages that were made last first.

        :param state: only of this state.
        :param after: :attr:`~application.pagination.Page.next` of the page before.
        :raises PermissionMissing: the actor may not read the outbox.
        :raises InvalidInput: ``after`` comes from no page.
        """
        actor.require(Permission.READ_MAIL)
        position = None if after is None else _read_position(after)
        found = await self.outbox.page(state, position, limit + 1)
        following = _write_position(found[limit - 1]) if len(found) > limit else None
        return Page(found[:limit], following)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListMailTo:
    outbox: Outbox

    async def __call__(self, actor: Actor, email: Email, limit: int) -> Sequence[Delivery]:
        """Return the messages to an address that were made last, the last first.

        :raises PermissionMissing: the actor may not read the outbox.
        """
        actor.require(Permission.READ_MAIL)
        return await self.outbox.to(email, limit)


def _write_position(delivery: Delivery) -> str:
    return f"{delivery.message.created_at.isoformat()}_{delivery.message.id}"


def _read_position(text: str) -> MailPosition:
    """:raises InvalidInput: the text is no position."""
    time, _, message_id = text.partition("_")
    try:
        created_at = datetime.fromisoformat(time)
        if created_at.tzinfo is not None and is_message_id(message_id):
            return created_at.astimezone(UTC), MessageId(message_id)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(Problem("after", "is no position in this list: start without it"))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CountMail:
    outbox: Outbox

    async def __call__(self, actor: Actor) -> Mapping[DeliveryState, Total]:
        """Count the messages of each state. More than 10 000 of one are not counted to the end.

        :raises PermissionMissing: the actor may not read the outbox.
        """
        actor.require(Permission.READ_MAIL)
        totals = {}
        for state in DeliveryState:
            count = await self.outbox.count(state, _MOST_COUNTED + 1)
            totals[state] = Total(min(count, _MOST_COUNTED), count <= _MOST_COUNTED)
        return totals


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowMail:
    outbox: Outbox

    async def __call__(self, actor: Actor, message_id: MessageId) -> Delivery:
        """
        :raises PermissionMissing: the actor may not read the outbox.
        :raises NotFound: no message has the id.
        """
        actor.require(Permission.READ_MAIL)
        return await _existing(self.outbox, message_id)


async def _existing(outbox: Outbox, message_id: MessageId) -> Delivery:
    found = await outbox.get(message_id) if is_message_id(message_id) else None
    if found is None:
        raise NotFound
    return found


def _state_subject(entry: Entry, delivery: Delivery) -> None:
    message = delivery.message
    entry.user_id, entry.details = message.user_id, MailOfKind(message.kind)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RetryMail:
    """Queue a message again that waits or was given up, due at once."""

    require_step_up: RequireStepUp
    outbox: Outbox
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        message_id: MessageId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> Delivery:
        """
        :param reason: why, as it was typed, for the audit log.
        :returns: the delivery as stored now.
        :raises PermissionMissing: the actor may not change the outbox.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: no message has the id.
        :raises InvalidInput: it was sent, has expired, or is changed at this moment; or the reason
            is not accepted.
        """
        async with self.audit.recording(EventType.RETRY_MAIL, caller, actor) as entry:
            await self.require_step_up.to_change(Permission.CHANGE_MAIL, actor, entry, reason)
            found = await _existing(self.outbox, message_id)
            _state_subject(entry, found)
            if found.state is DeliveryState.SENT:
                raise InvalidInput(Problem("id", "is of a mail that was sent"))
            now = self.clock()
            if now >= found.message.expires_at:
                raise InvalidInput(Problem("id", "is of a mail that has expired"))
            retried = found.retried(now)
            stored = Stored(await self.outbox.replace(found, retried))
            if not await entry.settle(entry.success(), stored):
                raise InvalidInput(Problem("id", "is of a mail that is being sent: try again"))
            return retried


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RetryAllMail:
    """Queue all messages again that were given up and have not expired."""

    require_step_up: RequireStepUp
    outbox: Outbox
    retry_mail: RetryMail
    audit: Audit
    clock: Clock

    async def __call__(
        self, actor: Actor, caller: RequestContext = UNKNOWN, reason: str | None = None
    ) -> int:
        """
        :returns: how many were queued.
        :raises PermissionMissing: see :class:`RetryMail`, and so are ``StepUpRequired`` and
            ``InvalidInput``.
        """
        # Each message leaves an event of its own: only a refusal is recorded here.
        entry = self.audit.begin(EventType.RETRY_MAIL, caller, actor)
        try:
            await self.require_step_up.to_change(Permission.CHANGE_MAIL, actor, entry, reason)
        except Exception as refused:
            await self.audit.refused(entry, refused)
            raise
        count, now, after = 0, self.clock(), None
        while page := await self.outbox.page(DeliveryState.GIVEN_UP, after, _PAGE):
            for each in page:
                if now < each.message.expires_at:
                    with suppress(NotFound, InvalidInput):  # it was changed meanwhile
                        await self.retry_mail(actor, each.message.id, caller, reason)
                        count += 1
            after = (page[-1].message.created_at, page[-1].message.id)
        return count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DropMail:
    """Delete a message. It is not sent any more, unless that has begun."""

    require_step_up: RequireStepUp
    outbox: Outbox
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        message_id: MessageId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> Delivery:
        """
        :param reason: why, as it was typed, for the audit log.
        :returns: the delivery as it was stored.
        :raises PermissionMissing: the actor may not change the outbox.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: no message has the id.
        :raises InvalidInput: the reason is not accepted.
        """
        async with self.audit.recording(EventType.DROP_MAIL, caller, actor) as entry:
            await self.require_step_up.to_change(Permission.CHANGE_MAIL, actor, entry, reason)
            found = await _existing(self.outbox, message_id)
            _state_subject(entry, found)
            await entry.settle(entry.success(), Stored(await self.outbox.delete(message_id)))
            return found


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
