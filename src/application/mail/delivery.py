"""Deliver the messages of the outbox."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from application.mail.messages import UNDONE
from application.mail.one_time_tokens import IssueToken
from application.ports import (
    Clock,
    Letter,
    MailDelayed,
    MailRefused,
    MailSender,
    OneTimeTokenStore,
    Outbox,
    ReportDelivery,
    UserRepository,
)
from domain.errors import Unavailable
from domain.mail.message import Delivery, MailKind, Message
from domain.mail.one_time_token import Purpose
from domain.user import User

_PURPOSES = {
    MailKind.PASSWORD_RESET: Purpose.PASSWORD_RESET,
    # It sets a password and proves the address, as a reset does.
    MailKind.INVITATION: Purpose.PASSWORD_RESET,
    MailKind.EMAIL_VERIFICATION: Purpose.EMAIL_VERIFICATION,
    MailKind.EMAIL_CHANGE: Purpose.EMAIL_CHANGE,
    MailKind.EMAIL_CHANGE_REQUESTED: Purpose.EMAIL_UNDO,
    MailKind.EMAIL_CHANGED: Purpose.EMAIL_UNDO,
}
_TO_OWNER = {MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION, MailKind.ALREADY_REGISTERED}
"""Sent to the user who has the address at delivery. A stranger may have asked for it."""

_LEASE = timedelta(minutes=2)
"""Longer than the time-outs of a sender."""

_PARALLEL = 8
"""Letters that one process sends at a time."""

_MANY = 1000
"""Rows that one step deletes."""

_LOOK_AGAIN = 0.5
"""Seconds after which new messages are looked for while slow recipients are waited for."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WriteLetter:
    """Turn a message into a letter, if it is still wanted: what only its delivery knows.

    Whether a user has the address is looked up here. So a request for mail takes as long for an
    unknown address as for a known one.
    """

    users: UserRepository
    issue_token: IssueToken
    clock: Clock

    async def __call__(self, message: Message) -> Letter | None:
        """
        :returns: ``None`` if nothing is to be sent: no user has the address, the address is
            verified already, the user has changed meanwhile, or the token was used already.
        :raises MailRefused: it has expired, or the secret of its token was lost.
        """
        user, wanted = await self._reader(message)
        if wanted is None:
            return None
        if self.clock() >= wanted.expires_at:
            raise MailRefused("expired")
        purpose, token = None if wanted.facts == UNDONE else _PURPOSES.get(wanted.kind), None
        if purpose is not None:
            if user is None:
                return None
            token = await self._token(purpose, wanted, user)
            if token is None:
                return None
        return Letter(
            id=wanted.id,
            kind=wanted.kind,
            # Never the spelling that a stranger has typed: two mailboxes may differ by it.
            to=user.email.address if user and wanted.kind in _TO_OWNER else wanted.to.address,
            locale=wanted.locale or (user.locale if user else None),
            created_at=wanted.created_at,
            expires_at=wanted.expires_at,
            facts=wanted.facts,
            token=token,
            link_target=wanted.link_target,
        )

    async def _reader(self, message: Message) -> tuple[User | None, Message | None]:
        """Return the user whom the message concerns, and the message that is to be sent."""
        if message.kind in _TO_OWNER:
            owner = await self.users.by_email(message.to)
            is_done = message.kind is MailKind.EMAIL_VERIFICATION and owner and owner.verified
            return owner, None if owner is None or is_done else message
        user = await self.users.get(message.user_id) if message.user_id else None
        if message.generation is not None and (
            user is None or user.generation != message.generation
        ):
            return user, None
        if message.kind is MailKind.INVITATION and user and not user.is_invited:
            return user, None  # it was accepted already, by another link
        if message.kind is MailKind.EMAIL_CHANGE:
            owner = await self.users.by_email(message.to)
            if owner is not None and owner.id != message.user_id:
                return owner, replace(message, kind=MailKind.EMAIL_CHANGE_TAKEN)
        return user, message

    async def _token(self, purpose: Purpose, message: Message, user: User) -> str | None:
        issued = await self.issue_token(
            message.id, purpose, user, message.to, message.created_at, message.expires_at
        )
        return issued.changed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DeliverMail:
    """Deliver the messages that are due. Any number of processes share the work."""

    outbox: Outbox
    write_letter: WriteLetter
    sender: MailSender
    report: ReportDelivery
    clock: Clock

    async def __call__(self) -> None:
        """Send until no message is due, several at a time: a slow recipient holds up no other.

        A process that dies leaves its messages to another one, when their leases end. A message
        may so be sent twice, with one ``Message-ID``.

        :raises Unavailable: a store does not answer. The messages stay in the outbox.
        """
        sending: set[asyncio.Task[None]] = set()
        try:
            failure = await self._send_all(sending)
        except asyncio.CancelledError:  # at shutdown; a second one ends what is being sent
            if sending:
                await asyncio.wait(sending)
            raise
        finally:
            for task in sending:
                task.cancel()
        if failure:
            raise failure

    async def _send_all(self, sending: set[asyncio.Task[None]]) -> BaseException | None:
        """
        :param sending: the letters that are being sent, at each moment.
        :returns: the first failure. No letter is begun after one of a store.
        """
        failure: BaseException | None = None
        is_taking = True
        while True:
            try:
                if is_taking:
                    sending |= await self._begin(_PARALLEL - len(sending))
            except Unavailable as error:
                failure, is_taking = failure or error, False
            if not sending:
                return failure
            done, _ = await asyncio.wait(
                sending, timeout=_LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED
            )
            sending -= done
            for each in filter(None, (task.exception() for task in done)):
                failure = failure or each
                # A message that fails for another reason holds up no other.
                is_taking = is_taking and not isinstance(each, Unavailable)

    async def _begin(self, limit: int) -> set[asyncio.Task[None]]:
        now = self.clock()
        leased = await self.outbox.lease(now, now + _LEASE, limit) if limit else ()
        return {asyncio.create_task(self._deliver(each)) for each in leased}

    async def _deliver(self, delivery: Delivery) -> None:
        message = delivery.message
        try:
            letter = await self.write_letter(message)
            if letter is None:  # keep no address of a person who is no user
                await self.outbox.delete(message.id)
                return
            await self.sender.send(letter)
        except MailDelayed as error:
            chance = int(message.id[:8], 16) / 0xFFFFFFFF
            after = delivery.delayed(error.reason, chance, self.clock())
        except MailRefused as error:
            after = delivery.given_up(error.reason, self.clock())
        else:
            after = delivery.sent(self.clock())
        await self._store(delivery, after)

    async def _store(self, before: Delivery, after: Delivery) -> None:
        if await self.outbox.replace(before, after):
            self.report(after)


@dataclass(frozen=True, slots=True)
class MailRetention:
    """
    :ivar ended: how long messages are kept after they were sent or given up.
    """

    ended: timedelta


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PruneMail:
    """Delete messages that were sent or given up a while ago, and tokens that have expired."""

    outbox: Outbox
    tokens: OneTimeTokenStore
    retention: MailRetention
    clock: Clock

    async def __call__(self) -> None:
        now = self.clock()
        while await self.outbox.prune(now - self.retention.ended, _MANY) == _MANY:
            pass
        while await self.tokens.purge(now, _MANY) == _MANY:
            pass
