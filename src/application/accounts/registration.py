"""New users: registered by themselves, or created by an administrator or the operator."""

from dataclasses import dataclass, replace
from uuid import UUID

from application.accounts.reserved_addresses import RefuseReservedAddress
from application.audit import Audit, Entry
from application.mail.messages import MakeMessage
from application.ports import (
    NO_EFFECTS,
    Clock,
    Devices,
    HashClient,
    Outbox,
    PasswordHasher,
    RandomId,
    UserRepository,
)
from application.rate_limiting import RateLimiting
from application.registration_policy import RegistrationPolicy
from application.step_up import RequireStepUp
from domain.actor import Actor
from domain.audit.details import RoleGiven
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import EmailTaken, RegistrationClosed, all_of
from domain.mail.message import MailKind
from domain.passwords.password import Password, PasswordRule
from domain.permissions import Permission, Role
from domain.request_context import UNKNOWN, RequestContext
from domain.user import User, UserId, parse_name


@dataclass(frozen=True, slots=True)
class Registration:
    """A name, an address and a password that are accepted. The address may be taken."""

    name: str
    email: Email
    password: Password

    @classmethod
    def parse(cls, name: str, email: str, password: str, rule: PasswordRule) -> "Registration":
        """:raises InvalidInput: with the problems of all three."""
        return cls(
            *all_of(
                lambda: parse_name(name),
                lambda: Email.parse(email),
                lambda: rule.choose(password, name, email),
            )
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MakeUser:
    """Make a user without storing it."""

    hasher: PasswordHasher
    clock: Clock
    random_id: RandomId

    async def __call__(
        self,
        registration: Registration,
        client: HashClient,
        role: Role = Role.USER,
        locale: str | None = None,
    ) -> User:
        """:raises Unavailable: too many password hashes are waiting already."""
        password_hash = await self.hasher.hash(registration.password, client)
        user_id = UserId(UUID(hex=self.random_id(), version=4))
        name, email = registration.name, registration.email
        now = self.clock()
        return User.register(user_id, name, email, password_hash, now, role, locale)


@dataclass(frozen=True, slots=True)
class Registered:
    """
    :ivar user: stored, unless the address is taken and the policy does not disclose that.
    :ivar is_disclosed: whether the client may learn if the user was stored.
    :ivar device_token: by which this client proves the address without the password; ``None``
        where no user is asked to prove it.
    """

    user: User
    is_disclosed: bool = True
    device_token: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RegisterUser:
    """Register a user."""

    policy: RegistrationPolicy
    users: UserRepository
    outbox: Outbox
    make_user: MakeUser
    refuse_reserved_address: RefuseReservedAddress
    make_message: MakeMessage
    devices: Devices
    rule: PasswordRule
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, name: str, email: str, password: str, caller: RequestContext = UNKNOWN
    ) -> Registered:
        """Store a new user, and queue the mail that asks to prove the address in the same step.

        If the policy does not disclose that an address is taken, the same steps are taken: the
        password is hashed, and one mail is queued for the owner of the address.

        :raises RegistrationClosed: people may not register.
        :raises InvalidInput: the name, the address or the password is not accepted.
        :raises TooManyRequests: there were too many registrations.
        :raises EmailTaken: another user has the address, or can restore it; if that is disclosed.
        """
        async with self.audit.recording(EventType.REGISTER, caller) as entry:
            if not self.policy.is_open:
                raise RegistrationClosed
            await self.rate_limiting.count_registration_from(caller.address)
            registration = Registration.parse(name, email, password, self.rule)
            await self.rate_limiting.count_registration()
            client = HashClient(caller.address)
            made = await self.make_user(registration, client, locale=caller.locale)
            user = replace(made, self_registered=True)
            is_mailed = await self._admits_mail(user.email, caller)
            try:
                await self.refuse_reserved_address(user.email)
                await self._store(user, entry, is_mailed=is_mailed)
            except EmailTaken as taken:
                if self.policy.discloses:
                    raise
                await entry.settle(entry.failure(taken))
                await self._tell_owner(user.email, is_mailed=is_mailed)
            asks = self.policy.asks_for_verification
            device_token = self.devices.issue(user) if asks else None
            return Registered(user, self.policy.discloses, device_token)

    async def _admits_mail(self, email: Email, caller: RequestContext) -> bool:
        """Count the mail, but none for an attempt that is refused: its limit is for the owner's
        requests, too. Before the user is stored it is not known which kind of mail it becomes.
        """
        if not self.policy.asks_for_verification:
            return False
        if self.policy.discloses and await self.users.by_email(email) is not None:
            return False
        kind = MailKind.EMAIL_VERIFICATION
        return await self.rate_limiting.admits_mail(kind, email.key, caller.address)

    async def _store(self, user: User, entry: Entry, *, is_mailed: bool) -> None:
        effects = entry.success(user)
        if is_mailed:
            message = self.make_message(MailKind.EMAIL_VERIFICATION, user.email, user=user)
            effects = effects.with_messages(message)
        await entry.settle(effects, await self.users.add(user, effects))

    async def _tell_owner(self, email: Email, *, is_mailed: bool) -> None:
        if is_mailed:
            message = self.make_message(MailKind.ALREADY_REGISTERED, email)
            await self.outbox.add(NO_EFFECTS.with_messages(message))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CreateUser:
    """Store a user with any role, for an administrator or the operator."""

    require_step_up: RequireStepUp
    policy: RegistrationPolicy
    users: UserRepository
    make_user: MakeUser
    refuse_reserved_address: RefuseReservedAddress
    make_message: MakeMessage
    rule: PasswordRule
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        name: str,
        email: str,
        password: str,
        role: Role = Role.USER,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> User:
        """Store a new user, and queue the mail that asks to prove the address in the same step.

        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises InvalidInput: the name, the address, the password or the reason is not accepted.
        :raises EmailTaken: another user has the address, or can restore it.
        """
        async with self.audit.recording(EventType.REGISTER, caller, actor) as entry:
            entry.details = RoleGiven(role) if role is not Role.USER else None
            await self.require_step_up.to_change(Permission.CHANGE_USERS, actor, entry, reason)
            registration = Registration.parse(name, email, password, self.rule)
            client = HashClient(caller.address, is_known=True)
            user = await self.make_user(registration, client, role)
            await self.refuse_reserved_address(user.email)
            effects = entry.success(user)
            if self.policy.asks_for_verification:
                message = self.make_message(MailKind.EMAIL_VERIFICATION, user.email, user=user)
                effects = effects.with_messages(message)
            await entry.settle(effects, await self.users.add(user, effects))
            return user
