"""New users: registered by themselves, or created by an administrator or the operator."""

from dataclasses import dataclass
from uuid import UUID

from application.accounts.reserved_addresses import RefuseReservedAddress
from application.audit import Audit
from application.ports import Clock, HashClient, PasswordHasher, RandomId, UserRepository
from application.rate_limiting import RateLimiting
from domain.actor import Actor
from domain.audit.details import RoleGiven
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import RegistrationClosed, all_of
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


@dataclass(frozen=True, slots=True)
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
class RegistrationPolicy:
    """Whether people may register, or only the operator creates users."""

    is_open: bool = True


@dataclass(frozen=True, slots=True)
class RegisterUser:
    """Register a user."""

    policy: RegistrationPolicy

    users: UserRepository
    make_user: MakeUser
    refuse_reserved_address: RefuseReservedAddress
    rule: PasswordRule
    rate_limiting: RateLimiting
    audit: Audit

    async def __call__(
        self, name: str, email: str, password: str, caller: RequestContext = UNKNOWN
    ) -> User:
        """
        :raises RegistrationClosed: people may not register.
        :raises InvalidInput: the name, the address or the password is not accepted.
        :raises TooManyRequests: there were too many registrations.
        :raises EmailTaken: another user has the address, or can restore it.
        """
        async with self.audit.recording(EventType.REGISTER, caller) as entry:
            if not self.policy.is_open:
                raise RegistrationClosed
            await self.rate_limiting.count_registration_from(caller.address)
            registration = Registration.parse(name, email, password, self.rule)
            await self.rate_limiting.count_registration()
            client = HashClient(caller.address)
            user = await self.make_user(registration, client, locale=caller.locale)
            await self.refuse_reserved_address(user.email)
            effects = entry.success(user)
            await entry.settle(effects, await self.users.add(user, effects))
            return user


@dataclass(frozen=True, slots=True)
class CreateUser:
    """Store a user with any role, for an administrator or the operator."""

    users: UserRepository
    make_user: MakeUser
    refuse_reserved_address: RefuseReservedAddress
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
    ) -> User:
        """
        :raises PermissionMissing: the actor may not change users.
        :raises InvalidInput: the name, the address or the password is not accepted.
        :raises EmailTaken: another user has the address, or can restore it.
        """
        async with self.audit.recording(EventType.REGISTER, caller, actor) as entry:
            entry.details = RoleGiven(role) if role is not Role.USER else None
            actor.require(Permission.CHANGE_USERS)
            registration = Registration.parse(name, email, password, self.rule)
            client = HashClient(caller.address, is_known=True)
            user = await self.make_user(registration, client, role)
            await self.refuse_reserved_address(user.email)
            effects = entry.success(user)
            await entry.settle(effects, await self.users.add(user, effects))
            return user
