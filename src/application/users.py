"""What administrators do with other people's accounts. Who may call these is for the caller to ask
(:class:`~domain.permissions.Permission`).
"""

from dataclasses import dataclass, replace

from application.audit import Audit, Entry
from application.pagination import Page, Total, UserQuery
from application.ports import AuditLog, Clock, SessionStore, UserRepository
from application.sessions import PurgeStaleSessions
from domain.audit_details import AccountChanged
from domain.audit_event import EventType
from domain.errors import NotFound
from domain.permissions import Role
from domain.request_context import UNKNOWN, RequestContext
from domain.user import User, UserId


@dataclass(frozen=True, slots=True)
class ListUsers:
    users: UserRepository

    async def __call__(
        self, query: UserQuery, after: str | None, limit: int
    ) -> tuple[Page[User], Total | None]:
        """
        :returns: a page, and with the first one how many there are on all.
        :raises InvalidInput: see :meth:`~application.ports.UserRepository.page`.
        """
        page = await self.users.page(query, after, limit)
        if after is not None:
            return page, None
        if page.next is None:
            return page, Total(len(page.items))
        return page, await self.users.count(query)


@dataclass(frozen=True, slots=True)
class ShowUser:
    users: UserRepository

    async def __call__(self, user_id: UserId) -> User:
        """:raises NotFound: there is nobody of that id."""
        user = await self.users.get(user_id)
        if user is None:
            raise NotFound
        return user


@dataclass(frozen=True, slots=True)
class ChangeUser:
    show_user: ShowUser
    users: UserRepository
    sweep_sessions: PurgeStaleSessions
    audit: Audit
    clock: Clock

    async def __call__(
        self,
        user_id: UserId,
        role: Role | None = None,
        disabled: bool | None = None,
        caller: RequestContext = UNKNOWN,
        actor_id: UserId | None = None,
    ) -> User:
        """
        :param role: and ``disabled``: the new ones; ``None`` leaves what is there.
        :param actor_id: the administrator; ``None`` is the command line.
        :returns: the user as they are now. To disable somebody ends their sessions for good.
        :raises NotFound: there is nobody of that id.
        :raises LastAdministrator: nobody would be left who could give others a role.
        """
        async with self.audit.recording(EventType.CHANGE_USER, caller) as entry:
            entry.user_id, entry.actor_id = user_id, actor_id
            entry.details = AccountChanged(role, disabled)
            while True:  # each further turn follows on somebody else's change, which is kept
                user = await self.show_user(user_id)
                changed = self._changed(user, role, disabled)
                entry.is_news = changed is not user
                if changed is user or await self.users.replace(user, changed, entry.success()):
                    await self.sweep_sessions(changed)
                    return changed

    def _changed(self, user: User, role: Role | None, disabled: bool | None) -> User:
        now = self.clock()
        if role is not None and role != user.role:
            user = user.with_role(role, now)
        if disabled is True and not user.disabled:
            user = user.disable(now)
        if disabled is False and user.disabled:
            user = user.when_enabled(now)
        return user


@dataclass(frozen=True, slots=True)
class ForgetUser:
    """Takes somebody out of every store."""

    users: UserRepository
    sessions: SessionStore
    audit_log: AuditLog
    audit: Audit
    clock: Clock

    async def __call__(self, user: User, entry: Entry) -> None:
        """
        :param entry: of the audit log, where the user's id is all that is left of them.
        :raises LastAdministrator: nobody would be left who could give others a role.
        """
        await self._demote(user, entry)
        if entry.actor_id in {None, user.id}:
            entry.caller = replace(entry.caller, address="")
        # First the rest, so that a crash in between leaves nothing that is nobody's; and once
        # more, for what came in meanwhile.
        await self._forget_all_but_the_user(user.id)
        await self.users.delete(user.id, entry.success())
        await self._forget_all_but_the_user(user.id)

    async def _demote(self, user: User, deletion: Entry) -> None:
        """Before anything is lost: the last administrator stays."""
        now: User | None = user
        while now is not None and now.is_administrator:
            async with self.audit.recording(EventType.CHANGE_USER, deletion.caller) as entry:
                entry.user_id, entry.actor_id = user.id, deletion.actor_id
                entry.details = AccountChanged(Role.USER)
                ordinary = now.with_role(Role.USER, self.clock())
                entry.is_news = await self.users.replace(now, ordinary, entry.success())
            now = await self.users.get(user.id)

    async def _forget_all_but_the_user(self, user_id: UserId) -> None:
        for session in await self.sessions.of_user(user_id):
            await self.sessions.delete(user_id, session.id)
        await self.audit_log.forget_addresses(user_id)


@dataclass(frozen=True, slots=True)
class DeleteUser:
    show_user: ShowUser
    forget_user: ForgetUser
    audit: Audit

    async def __call__(
        self, user_id: UserId, caller: RequestContext = UNKNOWN, actor_id: UserId | None = None
    ) -> None:
        """
        :param actor_id: the administrator; ``None`` is the command line.
        :raises NotFound: there is nobody of that id.
        :raises LastAdministrator: nobody would be left who could give others a role.
        """
        async with self.audit.recording(EventType.DELETE_USER, caller) as entry:
            entry.user_id, entry.actor_id = user_id, actor_id
            await self.forget_user(await self.show_user(user_id), entry)


@dataclass(frozen=True, slots=True)
class RevokeSessionsOf:
    show_user: ShowUser
    users: UserRepository
    sweep_sessions: PurgeStaleSessions
    audit: Audit

    async def __call__(
        self, user_id: UserId, caller: RequestContext = UNKNOWN, actor_id: UserId | None = None
    ) -> None:
        """All of them, in one step wherever they are; nor is any device known any more.

        :param actor_id: the administrator; ``None`` is the command line.
        :raises NotFound: there is nobody of that id.
        """
        async with self.audit.recording(EventType.END_SESSIONS_OF_USER, caller) as entry:
            entry.user_id, entry.actor_id = user_id, actor_id
            while True:
                user = await self.show_user(user_id)
                changed = user.without_sessions()
                if await self.users.replace(user, changed, entry.success()):
                    await self.sweep_sessions(changed)
                    return
