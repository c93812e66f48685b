"""What administrators and operators do with other people's accounts."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from application.audit import Audit, Entry
from application.mail.messages import MakeMessage
from application.pagination import Page, Total, UserQuery
from application.ports import (
    AuditLog,
    Clock,
    HashClient,
    Outbox,
    PasswordHasher,
    SessionStore,
    UserRepository,
)
from application.sessions import PurgeStaleSessions
from domain.actor import Actor, Operator
from domain.audit.details import AccountChanged, SessionsEnded
from domain.audit.event import EventType
from domain.email import Email
from domain.errors import InvalidInput, NotFound
from domain.mail import MailKind
from domain.passwords.password import PasswordRule
from domain.permissions import Permission, Role
from domain.request_context import UNKNOWN, RequestContext
from domain.user import User, UserId

_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class ChangeUser:
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
    ) -> User:
        """Change the role of a user, and disable or enable the account.

        To disable a user ends their sessions for good.

        :param role: the new role; ``None`` leaves the one that is there.
        :param disabled: likewise.
        :returns: the user as stored now.
        :raises PermissionMissing: the actor may not change users.
        :raises NotFound: there is no user with this id.
        :raises LastAdministrator: no administrator would be left.
        """
        async with self.audit.recording(EventType.CHANGE_USER, caller, actor) as entry:
            entry.user_id, entry.details = user_id, AccountChanged(role, disabled)
            actor.require(Permission.CHANGE_USERS)
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


@dataclass(frozen=True, slots=True)
class ForgetUser:
    """Delete a user from every store. Other use cases check the permission."""

    users: UserRepository
    sessions: SessionStore
    audit_log: AuditLog
    outbox: Outbox
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(self, user: User, entry: Entry) -> None:
        """
        :param entry: the audit record of the deletion, which keeps the id of the user only.
        :raises LastAdministrator: no administrator would be left.
        """
        await self._demote(user, entry)
        entry.forget_address_of(user.id)
        # Delete the user last, so that a crash leaves no data without a user; then delete again,
        # for what was stored in the meantime.
        await self._forget_all_but_the_user(user)
        notice = self.make_message.notice(MailKind.ACCOUNT_DELETED, user)
        effects = entry.success().with_messages(*notice)
        await entry.settle(effects, await self.users.delete(user.id, effects))
        await self._forget_all_but_the_user(user)

    async def purge(self, user: User) -> None:
        """Delete an ordinary user without a record and without a notice."""
        await self._forget_all_but_the_user(user)
        await self.users.delete(user.id)
        await self._forget_all_but_the_user(user)

    async def _demote(self, user: User, deletion: Entry) -> None:
        """Take the role away first: the last administrator cannot be deleted."""
        if not user.is_administrator:
            return
        async with self.audit.recording(
            EventType.CHANGE_USER, deletion.caller, deletion.actor
        ) as entry:
            entry.user_id, entry.details = user.id, AccountChanged(Role.USER)
            now: User | None = user
            while now is not None and now.is_administrator:
                ordinary = now.with_role(Role.USER, self.clock())
                effects = entry.success()
                await entry.settle(effects, await self.users.replace(now, ordinary, effects))
                now = await self.users.get(user.id)

    async def _forget_all_but_the_user(self, user: User) -> None:
        for session in await self.sessions.of_user(user.id):
            await self.sessions.delete(user.id, session.id)
        await self.audit_log.forget_addresses(user.id)
        await self.outbox.forget(user.email)


@dataclass(frozen=True, slots=True)
class DeleteUser:
    users: UserRepository
    forget_user: ForgetUser
    audit: Audit

    async def __call__(
        self, actor: Actor, user_id: UserId, caller: RequestContext = UNKNOWN
    ) -> None:
        """
        :raises PermissionMissing: the actor may not delete users.
        :raises NotFound: there is no user with this id.
        :raises LastAdministrator: no administrator would be left.
        """
        async with self.audit.recording(EventType.DELETE_USER, caller, actor) as entry:
            entry.user_id = user_id
            actor.require(Permission.DELETE_USERS)
            await self.forget_user(await existing(self.users, user_id), entry)


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Replace the lost password of a user."""

    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    hasher: PasswordHasher
    rule: PasswordRule
    make_message: MakeMessage
    audit: Audit
    clock: Clock

    async def __call__(
        self, actor: Actor, user_id: UserId, new: str, caller: RequestContext = UNKNOWN
    ) -> User:
        """Set a new password, end all sessions and forget all devices.

        :raises PermissionMissing: the actor may not change users.
        :raises NotFound: there is no user with this id.
        :raises InvalidInput: the password is not accepted.
        """
        async with self.audit.recording(EventType.CHANGE_PASSWORD, caller, actor) as entry:
            entry.user_id = user_id
            actor.require(Permission.CHANGE_USERS)
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


@dataclass(frozen=True, slots=True)
class RevokeSessionsOf:
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    audit: Audit

    async def __call__(
        self, actor: Actor, user_id: UserId, caller: RequestContext = UNKNOWN
    ) -> None:
        """Revoke all sessions of a user, in one step wherever they are, and all known devices.

        :raises PermissionMissing: the actor may not end sessions.
        :raises NotFound: there is no user with this id.
        """
        async with self.audit.recording(EventType.END_SESSIONS_OF_USER, caller, actor) as entry:
            entry.user_id = user_id
            actor.require(Permission.END_SESSIONS)
            while True:  # until no other process changes the user in between
                user = await existing(self.users, user_id)
                changed = user.without_sessions()
                facts = {"sessions": "ended"}
                notice = self.make_message.notice(MailKind.ACCOUNT_CHANGED, user, facts)
                effects = entry.success().with_messages(*notice)
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    await self.purge_stale_sessions(changed)
                    return


@dataclass(frozen=True, slots=True)
class RevokeSessionsOfAll:
    users: UserRepository
    sessions: SessionStore
    revoke_sessions_of: RevokeSessionsOf
    audit: Audit

    async def __call__(self, operator: Operator, role: Role | None = None) -> int:
        """Revoke all sessions that there are, of every user or of those with a role.

        A user without a session is left alone. If it fails in between, the sessions of some users
        have ended: repeat it.

        :returns: the number of users with sessions.
        """
        async with self.audit.recording(
            EventType.END_SESSIONS_OF_USERS, UNKNOWN, operator
        ) as entry:
            count = 0
            async for user in self._all(UserQuery(role=role)):
                if await self.sessions.of_user(user.id):
                    count += await self._revoke(operator, user)
            entry.details = SessionsEnded(count, role)
            await entry.settle(entry.success())
            return count

    async def _revoke(self, operator: Operator, user: User) -> bool:
        try:
            await self.revoke_sessions_of(operator, user.id)
        except NotFound:  # deleted meanwhile, with all sessions
            return False
        return True

    async def _all(self, query: UserQuery) -> AsyncIterator[User]:
        page = await self.users.page(query, None, _PAGE_SIZE)
        while True:
            for user in page.items:
                yield user
            if page.next is None:
                return
            page = await self.users.page(query, page.next, _PAGE_SIZE)
