"""End the sessions of other people: of one user, or of all."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from application.accounts.users import existing
from application.audit import Audit
from application.mail.messages import MakeMessage
from application.pagination import UserQuery
from application.ports import (
    SessionStore,
    UserRepository,
)
from application.sessions.purge import PurgeStaleSessions
from application.step_up import RequireStepUp
from domain.actor import Actor, Operator
from domain.audit.details import SessionsEnded
from domain.audit.event import EventType
from domain.errors import NotFound
from domain.mail.message import MailKind
from domain.permissions import Permission, Role
from domain.request_context import UNKNOWN, RequestContext
from domain.session import SessionId, is_session_id
from domain.user import User, UserId

_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeSessionsOf:
    require_step_up: RequireStepUp
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    make_message: MakeMessage
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """Revoke all sessions of a user, in one step wherever they are, and all known devices.

        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not end sessions.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: there is no user with this id.
        """
        async with self.audit.recording(EventType.END_SESSIONS_OF_USER, caller, actor) as entry:
            entry.user_id = user_id
            await self.require_step_up.to_change(Permission.END_SESSIONS, actor, entry, reason)
            while True:  # until no other process changes the user in between
                user = await existing(self.users, user_id)
                changed = user.without_sessions()
                facts = {"sessions": "ended"}
                notice = self.make_message.notice(MailKind.ACCOUNT_CHANGED, user, facts)
                effects = entry.success().with_messages(*notice)
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    await self.purge_stale_sessions(changed)
                    return


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeSessionOf:
    require_step_up: RequireStepUp
    users: UserRepository
    sessions: SessionStore
    audit: Audit

    async def __call__(
        self,
        actor: Actor,
        user_id: UserId,
        session_id: SessionId,
        caller: RequestContext = UNKNOWN,
        reason: str | None = None,
    ) -> None:
        """Revoke one session of another user.

        :param reason: why, as it was typed, for the audit log.
        :raises PermissionMissing: the actor may not end sessions.
        :raises InvalidInput: the reason is not accepted.
        :raises StepUpRequired: the actor is an administrator without a recent step-up.
        :raises NotFound: there is no user with this id, or no such session.
        """
        async with self.audit.recording(EventType.END_SESSION, caller, actor) as entry:
            entry.user_id = user_id
            await self.require_step_up.to_change(Permission.END_SESSIONS, actor, entry, reason)
            user = await existing(self.users, user_id)
            if not is_session_id(session_id):
                raise NotFound
            entry.session_id = session_id
            effects = entry.success()
            stored = await self.sessions.delete(user.id, session_id, effects)
            if not await entry.settle(effects, stored):
                raise NotFound


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
