"""What administrators and operators do with other people's accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.audit import Audit
from application.mail.messages import MakeMessage
from application.pagination import Page, Total, UserQuery
from application.ports import (
    Clock,
    HashClient,
    IdentityStore,
    PasswordHasher,
    UserRepository,
)
from application.second_factors.find import Factors, FindFactors
from application.sessions.find import FindSessions, SessionWithActivity
from application.sessions.purge import PurgeStaleSessions
from application.step_up import RequireStepUp
from domain.actor import Actor
from domain.audit.details import AccountChanged
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidInput, NotFound
from domain.mail.message import MailKind
from domain.passwords.password import PasswordRule
from domain.permissions import Permission, Role
from domain.request_context import UNKNOWN, RequestContext
from domain.social_login.identity import Identity
from domain.user import User, UserId


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListUsers:
    users: UserRepository

    async def __call__(
        self, actor: Actor, query: UserQuery, after: str | None, limit: int
    ) -> tuple[Page[User], Total | None]:
        """
        :returns: a page, and with the first one how many users there are on all pages.
        :raises PermissionMissing: the actor may not read users.
        :raises InvalidInput: see :meth:`~application.ports.UserRepository.page`.
        """
        actor.require(Permission.READ_USERS)
        page = await self.users.page(query, after, limit)
        if after is not None:
            return page, None
        if page.next is None:
            return page, Total(len(page.items))
        return page, await self.users.count(query)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowUser:
    users: UserRepository

    async def __call__(self, actor: Actor, user_id: UserId) -> User:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        return await existing(self.users, user_id)


async def existing(users: UserRepository, user_id: UserId) -> User:
    """:raises NotFound: there is no user with this id."""
    user = await users.get(user_id)
    if user is None:
        raise NotFound
    return user


@dataclass(frozen=True, slots=True)
class Overview:
    """
    :ivar locked_until: until then no second factor is accepted; ``None`` if they are.
    :ivar sessions: that have not ended, the most recently active first.
    :ivar identities: accounts of other providers, in the order in which they were linked.
    """

    user: User
    factors: Factors
    locked_until: datetime | None
    sessions: Sequence[SessionWithActivity]
    identities: Sequence[Identity]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShowOverview:
    """Show all that there is about one user."""

    users: UserRepository
    find_factors: FindFactors
    find_sessions: FindSessions
    identities: IdentityStore
    clock: Clock

    async def __call__(self, actor: Actor, user_id: UserId) -> Overview:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        user = await existing(self.users, user_id)
        factors = await self.find_factors(user)
        is_locked = factors.stored.is_locked(self.clock())
        return Overview(
            user,
            factors,
            factors.stored.locked_until if is_locked else None,
            await self.find_sessions(user, actor),
            await self.identities.of_user(user.id),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FindUser:
    """Find a user by what an operator types."""

    users: UserRepository

    async def __call__(self, actor: Actor, text: str) -> User:
        """
        :param text: an email address or a UUID.
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: no user has it.
        """
        actor.require(Permission.READ_USERS)
        user = await self._find(text)
        if user is None:
            raise NotFound
        return user

    async def _find(self, text: str) -> User | None:
        try:
            return await self.users.get(UserId(UUID(text)))
        except ValueError:
            pass
        try:
            return await self.users.by_email(Email.parse(text))
        except InvalidInput:
            return None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChangeUser:
    require_step_up: RequireStepUp
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        role: Role | None = None,
        disabled: bool | None = None,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> User:
        """Change the role of a user, and disable or enable the account.

        To disable a user ends their sessions for good.

        :param role: the new role; ``None`` leaves the one that is there.
        :param disabled: likewise.
        :returns: the user as stored now.
        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not change users.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: there is no user with this id.
        :raises LastAdministrator: no administrator would be left.
        """
        async with self.audit.recording(EventType.CHANGE_USER, caller, actor) as entry:
            entry.user_id, entry.details = user_id, AccountChanged(role, disabled)
            await self.require_step_up.to_change(Permission.CHANGE_USERS, actor, entry, reason)
            while True:  # until no other process changes the user in between
                user = await existing(self.users, user_id)
                changed = self._changed(user, role, disabled)
                facts = _differences(user, changed)
                notice = self.make_message.notice(MailKind.ACCOUNT_CHANGED, user, facts)
                effects = entry.success().with_messages(*notice)
                if changed is user or await entry.settle(
                    effects, await self.users.replace(user, changed, effects)
                ):
                    await self.purge_stale_sessions(changed)
                    return changed

    def _changed(self, user: User, role: Role | None, disabled: bool | None) -> User:
        now = self.clock()
        if role is not None and role != user.role:
            user = user.with_role(role, now)
        if disabled is True and not user.disabled:
            user = user.disable(now)
        if disabled is False and user.disabled:
            user = user.enable(now)
        return user


def _differences(before: User, after: User) -> Mapping[str, str]:
    """Return what a notice states about a change by an administrator."""
    facts = {}
    if after.role is not before.role:
        facts["role"] = after.role.value
    if after.disabled is not before.disabled:
        facts["state"] = "disabled" if after.disabled else "enabled"
    return facts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SetPassword:
    """Replace the lost password of a user."""

    require_step_up: RequireStepUp
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    hasher: PasswordHasher
    rule: PasswordRule
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        new: str,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> User:
        """Set a new password, end all sessions and forget all devices.

        :raises PermissionMissing: the actor may not change users.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: there is no user with this id.
        :raises InvalidInput: the password or the reason is not accepted.
        """
        async with self.audit.recording(EventType.CHANGE_PASSWORD, caller, actor) as entry:
            entry.user_id = user_id
            await self.require_step_up.to_change(Permission.CHANGE_USERS, actor, entry, reason)
            user = await existing(self.users, user_id)
            chosen = self.rule.choose(new, user.name, user.email.address)
            client = HashClient(caller.address, is_known=True)
            new_hash = await self.hasher.hash(chosen, client)
            while True:  # until no other process changes the user in between
                changed = user.with_new_password(new_hash, self.clock())
                notice = self.make_message.notice(MailKind.PASSWORD_CHANGED, user)
                effects = entry.success().with_messages(*notice)
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    await self.purge_stale_sessions(changed)
                    return changed
                user = await existing(self.users, user_id)
