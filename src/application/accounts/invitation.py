"""New users by invitation: they choose their passwords themselves."""

from dataclasses import dataclass
from uuid import UUID

from application.accounts.reserved_addresses import RefuseReservedAddress
from application.audit import Audit
from application.mail.messages import MailPolicy, MakeMessage
from application.ports import Clock, RandomId, UserRepository
from application.step_up import RequireStepUp
from domain.actor import Actor
from domain.audit.details import RoleGiven
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import all_of
from domain.mail.message import MailKind
from domain.permissions import Permission, Role
from domain.request_context import UNKNOWN, RequestContext
from domain.user import NO_PASSWORD, User, UserId, parse_locale, parse_name


@dataclass(frozen=True, slots=True)
class Invitee:
    """
    :ivar name: as it was typed, and so are ``email`` and ``locale``.
    :ivar locale: the language of mails; ``None`` for the default.
    """

    name: str
    email: str
    role: Role = Role.USER
    locale: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InviteUser:
    """Store a user without a password, for an administrator or the operator, and queue the mail
    with a link that sets one and proves the address, in the same step.
    """

    require_step_up: RequireStepUp
    mail_policy: MailPolicy
    users: UserRepository
    refuse_reserved_address: RefuseReservedAddress
    make_message: MakeMessage
    audit: Audit
    clock: Clock
    random_id: RandomId

    async def __call__(
        self,
        actor: Actor,
        invitee: Invitee,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> User:
        """
        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users.
        :raises InvalidInput: the name, the address, the language or the reason is not accepted.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises MailOff: this installation sends no mail.
        :raises EmailTaken: another user has the address, or can restore it.
        """
        async with self.audit.recording(EventType.REGISTER, caller, actor) as entry:
            role = invitee.role
            entry.details = RoleGiven(role) if role is not Role.USER else None
            actor.require(Permission.CHANGE_USERS)
            name, email, locale, _ = all_of(
                lambda: parse_name(invitee.name),
                lambda: Email.parse(invitee.email),
                lambda: None if invitee.locale is None else parse_locale(invitee.locale),
                lambda: entry.state_reason(reason),
            )
            await self.require_step_up.of_actor(actor, caller)
            self.mail_policy.require_mail()
            await self.refuse_reserved_address(email)
            user_id = UserId(UUID(hex=self.random_id(), version=4))
            user = User.register(user_id, name, email, NO_PASSWORD, self.clock(), role, locale)
            message = self.make_message(MailKind.INVITATION, email, user=user)
            effects = entry.success(user).with_messages(message)
            await entry.settle(effects, await self.users.add(user, effects))
            return user
