"""Change one's email address, and undo a change."""

from dataclasses import dataclass, replace
from datetime import datetime

from application.accounts.email_verification import NO_PROOF, IsRegistrant, RegistrantProof
from application.accounts.reserved_addresses import RefuseReservedAddress
from application.audit import Audit, Entry
from application.mail.messages import UNDONE, MailPolicy, MakeMessage
from application.mail.one_time_tokens import FindToken, IssueToken
from application.ports import Clock, Outbox, Stored, UserRepository
from application.rate_limiting import RateLimiting
from application.sessions.purge import PurgeStaleSessions
from application.step_up import RequireStepUp
from domain.actor import Principal
from domain.audit.details import CredentialsDropped
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import EmailTaken, OneTimeTokenInvalid, all_of
from domain.mail.message import MailKind, Message
from domain.mail.one_time_token import OneTimeToken, Purpose
from domain.passwords.password import Password
from domain.request_context import UNKNOWN, RequestContext
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequestEmailChange:
    """Send a link to a new address, and a notice with a link that cancels to the present one."""

    require_step_up: RequireStepUp
    mail_policy: MailPolicy
    make_message: MakeMessage
    issue_token: IssueToken
    outbox: Outbox
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        principal: Principal,
        email: str,
        password: str | None,
        link_target: str | None = None,
        caller: RequestContext = UNKNOWN,
    ) -> None:
        """Take the same steps whether or not another user has the address: that is looked up at
        delivery. A request for the present address, or over a limit of mails, sends nothing.

        :param password: ``None`` in a session that was stepped up.
        :param link_target: the page that the link leads to; ``None`` for the configured one.
        :raises MailOff: this installation sends no mail.
        :raises StepUpRequired: see :class:`RequireStepUp`.
        :raises InvalidInput: the address is malformed, the password is longer than a password can
            be, or the page is none of the configured ones.
        :raises TooManyRequests: there were too many attempts to guess the password, or changes.
        :raises WrongPassword: the password is not the user's.
        :raises TokenRejected: see :class:`RequireStepUp`.
        """
        async with self.audit.recording(EventType.REQUEST_EMAIL_CHANGE, caller) as entry:
            entry.is_about(principal.session)
            self.mail_policy.require_mail()
            new, typed, page = all_of(
                lambda: Email.parse(email),
                lambda: Password.parse_optional(password),
                lambda: self.mail_policy.choose_link(link_target),
            )
            began = self.clock()
            user = (await self.require_step_up(principal, caller, typed)).user
            await self.rate_limiting.count_change(user.id)
            if new.key == user.email.key:
                return
            if await self.rate_limiting.admits_mail(
                MailKind.EMAIL_CHANGE, new.key, caller.address
            ):
                await self._send(user, new, page, began, entry)

    async def _send(
        self, user: User, new: Email, page: str | None, began: datetime, entry: Entry
    ) -> None:
        """Queue both messages, with the token that undoes the change.

        It is issued now, and not at delivery: it reserves the present address from the moment in
        which that can become free.

        :param began: before the user was read. An undo since then ends this one, too.
        """
        link = self.make_message(MailKind.EMAIL_CHANGE, new, user=user, link_target=page)
        notices = [
            replace(notice, created_at=began)
            for notice in self.make_message.notice(MailKind.EMAIL_CHANGE_REQUESTED, user)
        ]
        effects = entry.success().with_messages(link, *notices)
        if not notices:
            await entry.settle(effects, await self.outbox.add(effects))
            return
        [notice] = notices
        issued = await self.issue_token(
            notice.id, Purpose.EMAIL_UNDO, user, user.email, began, notice.expires_at, effects
        )
        await entry.settle(effects, Stored(True, issued.effects_stored))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConfirmEmailChange:
    """Give a user the address to which the link was sent."""

    find_token: FindToken
    users: UserRepository
    refuse_reserved_address: RefuseReservedAddress
    is_registrant: IsRegistrant
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self, secret: str, proof: RegistrantProof = NO_PROOF, caller: RequestContext = UNKNOWN
    ) -> bool:
        """Change the address and use up the token, in one step. The former address gets a notice
        with a link that undoes the change.

        The reader of the link may be another person than the one who asked for the change: an
        attacker can ask for any address. Without a proof that they are one, the same step makes
        the password unusable, ends all sessions and unlinks all identities, and the new address
        gets a mail for a new password.

        :returns: whether the password was left as it is.
        :raises TooManyRequests: there were too many uses of links.
        :raises OneTimeTokenInvalid: see :class:`FindToken`. Or another user has the address now.
        :raises InvalidInput: see :class:`IsRegistrant`.
        :raises WrongPassword: see :class:`IsRegistrant`. The token stays usable.
        """
        async with self.audit.recording(EventType.CHANGE_EMAIL, caller) as entry:
            await self.rate_limiting.count_link_from(caller.address)
            while True:  # until no other process changes the user in between
                token, user = await self.find_token(secret, Purpose.EMAIL_CHANGE)
                entry.user_id = user.id
                keeps = await self.is_registrant(user, proof, caller)
                try:
                    if await self._change(user, token, entry, keeps=keeps):
                        return keeps
                except EmailTaken:
                    raise OneTimeTokenInvalid from None

    async def _change(self, user: User, token: OneTimeToken, entry: Entry, *, keeps: bool) -> bool:
        await self.refuse_reserved_address(token.email, user.id)
        now = self.clock()
        changed, effects = user.with_email(token.email, now), entry.success()
        if not keeps:
            changed = changed.without_credentials(now)
            effects = entry.success(details=CredentialsDropped())
            reset = self.make_message(MailKind.PASSWORD_RESET, token.email, user=user)
            effects = effects.with_messages(reset).unlinking_all_of(user.id)
        notice = self.make_message.notice(MailKind.EMAIL_CHANGED, user)
        effects = effects.with_messages(*notice).spending(token)
        if not await entry.settle(effects, await self.users.replace(user, changed, effects)):
            return False
        await self.purge_stale_sessions(changed)
        return True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UndoEmailChange:
    """Give a user the former address back, or cancel a change that is not confirmed."""

    find_token: FindToken
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(self, secret: str, caller: RequestContext = UNKNOWN) -> None:
        """Restore the address, end all sessions and pending links, make the password unusable and
        unlink all identities, in one step. The restored address gets a link that sets a new
        password, and the one that it replaces gets a notice: the reader of a former mailbox may
        not be the owner any more.

        :raises TooManyRequests: there were too many uses of links.
        :raises OneTimeTokenInvalid: see :class:`FindToken`. Or another user has the address now.
        """
        async with self.audit.recording(EventType.UNDO_EMAIL_CHANGE, caller) as entry:
            await self.rate_limiting.count_link_from(caller.address)
            while True:  # until no other process changes the user in between
                token, user = await self.find_token(secret, Purpose.EMAIL_UNDO)
                entry.user_id = user.id
                restored = user.with_restored_email(token.email, self.clock())
                reset = self.make_message(MailKind.PASSWORD_RESET, token.email, user=user)
                effects = entry.success().with_messages(reset, *self._notice(user, token))
                effects = effects.spending(token).unlinking_all_of(user.id)
                try:
                    stored = await self.users.replace(user, restored, effects)
                except EmailTaken:
                    raise OneTimeTokenInvalid from None
                if await entry.settle(effects, stored):
                    await self.purge_stale_sessions(restored)
                    return

    def _notice(self, user: User, token: OneTimeToken) -> tuple[Message, ...]:
        if token.email.key == user.email.key:  # the change was not confirmed yet
            return ()
        return self.make_message.notice(MailKind.EMAIL_CHANGED, user, UNDONE)
