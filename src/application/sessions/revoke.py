"""Revoke sessions: one, the others, all, or those above the maximum."""

from dataclasses import dataclass

from application.audit import Audit
from application.authenticate import ReloadPrincipal
from application.ports import SessionStore, UserRepository
from application.sessions.purge import PurgeStaleSessions
from domain.actor import Principal
from domain.audit.details import SessionLimitReached
from domain.audit.event import EventType
from domain.errors import NotFound
from domain.request_context import UNKNOWN, RequestContext
from domain.session import (
    Session,
    SessionId,
    SessionsPerUser,
    excess_sessions,
    is_session_id,
)
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DeleteSession:
    """Delete one session, and record that."""

    sessions: SessionStore
    audit: Audit

    async def __call__(
        self,
        session: Session,
        caller: RequestContext,
        details: SessionLimitReached | None = None,
    ) -> None:
        async with self.audit.recording(EventType.END_SESSION, caller) as entry:
            entry.is_about(session)
            entry.details = details
            effects = entry.success()
            stored = await self.sessions.delete(session.user_id, session.id, effects)
            await entry.settle(effects, stored)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeExcessSessions:
    """Revoke the oldest sessions of a user who has more than the maximum."""

    sessions: SessionStore
    delete_session: DeleteSession
    most: SessionsPerUser

    async def __call__(self, user: User, caller: RequestContext) -> None:
        for old in excess_sessions(await self.sessions.of_user(user.id), self.most):
            await self.delete_session(old, caller, SessionLimitReached())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeSession:
    reload_principal: ReloadPrincipal
    sessions: SessionStore
    audit: Audit

    async def __call__(
        self, principal: Principal, session_id: SessionId, caller: RequestContext = UNKNOWN
    ) -> None:
        """Revoke one of the principal's own sessions, the current one or another.

        :raises NotFound: the principal has no session with this id.
        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        """
        async with self.audit.recording(EventType.END_SESSION, caller) as entry:
            entry.user_id = principal.user.id
            await self.reload_principal(principal)
            is_mine = is_session_id(session_id) and await self.sessions.get(
                principal.user.id, session_id
            )
            if not is_mine:
                raise NotFound
            entry.session_id = session_id
            effects = entry.success()
            stored = await self.sessions.delete(principal.user.id, session_id, effects)
            await entry.settle(effects, stored)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeOtherSessions:
    reload_principal: ReloadPrincipal
    sessions: SessionStore
    delete_session: DeleteSession

    async def __call__(self, principal: Principal, caller: RequestContext = UNKNOWN) -> None:
        """Revoke the principal's sessions, except the current one.

        :raises TokenRejected: see :class:`~application.authenticate.ReloadPrincipal`.
        """
        await self.reload_principal(principal)
        for session in await self.sessions.of_user(principal.user.id):
            if session.id != principal.session.id:
                await self.delete_session(session, caller)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RevokeAllSessions:
    """Revoke all sessions of the principal, the current one included."""

    reload_principal: ReloadPrincipal
    users: UserRepository
    purge_stale_sessions: PurgeStaleSessions
    audit: Audit

    async def __call__(self, principal: Principal, caller: RequestContext = UNKNOWN) -> None:
        """End the sessions in one step, wherever they are stored, and forget the known devices.

        :raises TokenRejected: the user or the session has been deleted.
        """
        async with self.audit.recording(EventType.END_ALL_SESSIONS, caller) as entry:
            entry.is_about(principal.session)
            while True:  # until no other process changes the user in between
                user = (await self.reload_principal(principal)).user
                changed = user.without_sessions()
                effects = entry.success()
                if await entry.settle(effects, await self.users.replace(user, changed, effects)):
                    await self.purge_stale_sessions(changed)
                    return
