"""Set a new password by a link that only the owner of the address receives."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from application.accounts.users import existing
from application.audit import Audit
from application.known_networks import KnownNetworks
from application.mail.messages import MailPolicy, MakeMessage
from application.mail.one_time_tokens import FindToken, IssueToken
from application.ports import (
    Clock,
    HashClient,
    Outbox,
    PasswordHasher,
    RandomId,
    UserRepository,
)
from application.rate_limiting import RateLimiting
from application.second_factors.find import FindFactors
from application.second_factors.require import RequireFactor
from application.second_factors.verify import FactorProof
from application.sessions.purge import PurgeStaleSessions
from application.step_up import RequireStepUp
from domain.actor import Actor, Operator
from domain.audit.event import EventType
from domain.authentication import Method
from domain.errors import OneTimeTokenInvalid, Unavailable
from domain.mail.message import MailKind
from domain.mail.one_time_token import Purpose
from domain.passwords.password import PasswordRule
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext
from domain.user import UserId


@dataclass(frozen=True, slots=True)
class PendingReset:
    """
    :ivar email: of the user whose password it is.
    :ivar methods: the second factors of the user, one of which the reset needs; empty without any.
    :ivar is_first: whether it is the first password, of an invited user.
    """

    email: str
    methods: Sequence[Method]
    is_first: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CheckPasswordReset:
    """Check a token before its owner chooses a password. That does not use it."""

    find_token: FindToken
    find_factors: FindFactors
    rate_limiting: RateLimiting

    async def __call__(self, secret: str, caller: RequestContext = UNKNOWN) -> PendingReset:
        """
        :raises TooManyRequests: the address has used too many tokens.
        :raises OneTimeTokenInvalid: see :class:`~application.mail.one_time_tokens.FindToken`.
        """
        await self.rate_limiting.count_link_from(caller.address)
        _, user = await self.find_token(secret, Purpose.PASSWORD_RESET)
        methods = (await self.find_factors(user)).methods
        return PendingReset(user.email.address, methods, user.is_invited)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResetPassword:
    """Use a token up to set a new password."""

    find_token: FindToken
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    known_networks: KnownNetworks
    hasher: PasswordHasher
    rule: PasswordRule
    require_factor: RequireFactor
    make_message: MakeMessage
    rate_limiting: RateLimiting
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        secret: str,
        new: str,
        caller: RequestContext = UNKNOWN,
        factor: FactorProof | None = None,
    ) -> None:
        """Set the password, mark the address as verified, end all sessions and forget all devices:
        one step, which uses up the token and all others of its kind.

        It starts no session, does not enable a disabled account, and keeps the second factors.

        :param factor: of a user who has one: a mailbox is no second factor.
        :raises TooManyRequests: the address has used too many tokens.
        :raises OneTimeTokenInvalid: see :class:`~application.mail.one_time_tokens.FindToken`.
        :raises InvalidInput: the password is not accepted. The token stays usable, as after the
            next two.
        :raises SecondFactorRequired: the user has a second factor, and none was shown.
        :raises SecondFactorInvalid: see
            :class:`~application.second_factors.verify.VerifyFactor`, and so is
            ``PasskeyInvalid``.
        """
        async with self.audit.recording(EventType.RESET_PASSWORD, caller) as entry:
            await self.rate_limiting.count_link_from(caller.address)
            token, user = await self.find_token(secret, Purpose.PASSWORD_RESET)
            entry.user_id = user.id
            chosen = self.rule.choose(new, user.name, user.email.address)
            await self.require_factor(user, factor, entry)
            new_hash = await self.hasher.hash(chosen, HashClient(caller.address))
            while True:  # until no other process changes the user in between
                changed = user.with_reset_password(new_hash, self.clock())
                notice = self.make_message.notice(MailKind.PASSWORD_CHANGED, user)
                effects = entry.success().with_messages(*notice).spending(token)
                if not user.verified:  # another person may have registered, and linked them
                    effects = effects.unlinking_all_of(user.id)
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    with suppress(Unavailable):  # they have ended; a repeat would be refused
                        await self.purge_stale_sessions(changed)
                    # No device is known any more, and the account may be under attack.
                    await self.known_networks.remember(changed, caller.address)
                    return
                token, user = await self.find_token(secret, Purpose.PASSWORD_RESET)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SendPasswordReset:
    """Queue a mail with a link, for an administrator or the operator: another invitation if the
    user has yet to follow one.
    """

    require_step_up: RequireStepUp
    mail_policy: MailPolicy
    make_message: MakeMessage
    users: UserRepository
    outbox: Outbox
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """
        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises MailOff: this installation sends no mail.
        :raises NotFound: there is no user with this id.
        """
        async with self.audit.recording(EventType.REQUEST_PASSWORD_RESET, caller, actor) as entry:
            entry.user_id = user_id
            await self.require_step_up.to_change(Permission.CHANGE_USERS, actor, entry, reason)
            self.mail_policy.require_mail()
            user = await existing(self.users, user_id)
            kind = MailKind.INVITATION if user.is_invited else MailKind.PASSWORD_RESET
            message = self.make_message(kind, user.email, user=user)
            effects = entry.success().with_messages(message)
            await entry.settle(effects, await self.outbox.add(effects))


@dataclass(frozen=True, slots=True)
class ResetLink:
    """
    :ivar secret: the token of the link.
    """

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MakeResetLink:
    """Issue a token that the operator hands to the user, where no mail is sent."""

    mail_policy: MailPolicy
    issue_token: IssueToken
    users: UserRepository
    audit: Audit
    clock: Clock
    random_id: RandomId

    async def __call__(self, operator: Operator, user_id: UserId) -> ResetLink:
        """
        :raises NotFound: there is no user with this id.
        :raises OneTimeTokenInvalid: the token is not usable, by the clock of this machine.
        """
        async with self.audit.recording(
            EventType.REQUEST_PASSWORD_RESET, UNKNOWN, operator
        ) as entry:
            entry.user_id = user_id
            user = await existing(self.users, user_id)
            now = self.clock()
            expires_at = now + self.mail_policy.lifetimes[MailKind.PASSWORD_RESET]
            effects = entry.success()
            issued = await self.issue_token(
                self.random_id(),
                Purpose.PASSWORD_RESET,
                user,
                user.email,
                now,
                expires_at,
                effects,
            )
            if issued.changed is None:
                raise OneTimeTokenInvalid
            await entry.settle(effects, issued)
            return ResetLink(issued.changed, expires_at)
