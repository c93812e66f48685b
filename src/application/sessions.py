"""Start, list and revoke sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.audit import Audit, Entry
from application.authenticate import ReloadPrincipal
from application.ports import Clock, RandomId, SessionStore, UserRepository
from domain.actor import Actor, Principal
from domain.audit.details import SessionLimitReached
from domain.audit.event import EventType
from domain.authentication import ONLY_PASSWORD, Method
from domain.errors import InvalidCredentials, NotFound, TokenRejected
from domain.permissions import Permission
from domain.request_context import UNKNOWN, RequestContext
from domain.session import (
    Lifetimes,
    Session,
    SessionId,
    SessionsPerUser,
    TokenId,
    Transport,
    excess_sessions,
    is_session_id,
)
from domain.session_activity import SessionActivity
from domain.user import User, UserId

_KEPT_EXPIRED = timedelta(hours=1)
"""More than the clocks of the nodes differ."""
_STEP, _MAX_STEPS = 500, 100
"""Sessions that one call of the store deletes, and calls of one run."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class StartSession:
    """Store a session of a user who has just authenticated."""

    users: UserRepository
    sessions: SessionStore
    lifetimes: Lifetimes
    clock: Clock
    random_id: RandomId

    async def __call__(
        self,
        user: User,
        caller: RequestContext,
        transport: Transport,
        methods: frozenset[Method] = ONLY_PASSWORD,
    ) -> Session:
        """
        The login is not recorded with the session: only the user as of after the session was
        stored shows whether the login counts. A crash in between leaves a session whose tokens no
        client has.

        :raises InvalidCredentials: the user was disabled, changed or deleted at this moment.
        """
        now = self.clock()
        session = Session.start(
            SessionId(self.random_id()),
            user,
            TokenId(self.random_id()),
            now,
            self.lifetimes,
            transport,
            methods,
        )
        await self.sessions.add(session, SessionActivity.of(caller, now))
        current = await self.users.get(user.id)
        if current is None or not session.is_good_for(current):
            await self.sessions.delete(user.id, session.id)
            raise InvalidCredentials
        return session


@dataclass(frozen=True, slots=True)
class RenewSession:
    """Replace the session of a user who has re-authenticated: one session id, one authentication.

    An attacker who has copied the tokens of the session before must not profit from what its
    owner proves now (OWASP ASVS 7.2.4). A change of password ends with this, and so must every
    step-up.
    """

    sessions: SessionStore
    lifetimes: Lifetimes
    clock: Clock
    random_id: RandomId

    async def __call__(
        self,
        session: Session,
        user: User,
        shown: frozenset[Method] = frozenset(),
        *,
        is_step_up: bool = False,
        entry: Entry | None = None,
    ) -> Session:
        """End the session and start another one, in one step.

        :param user: as stored now, with the generation that the new session belongs to.
        :param shown: the methods that the user has just shown, beside those of the session.
        :param is_step_up: whether the new session is good for sensitive steps for a while.
        :param entry: the record of the proof, if its success is to be stored with the session.
        :returns: the new session, with an id and tokens of its own, and a new absolute lifetime of
            the same transport.
        :raises TokenRejected: the session was ended concurrently: a revocation wins.
        """
        new = Session.start(
            SessionId(self.random_id()),
            user,
            TokenId(self.random_id()),
            self.clock(),
            self.lifetimes,
            session.transport,
            session.methods | shown,
        )
        if is_step_up:
            new = new.stepped_up()
        while stored := await self.sessions.get(session.user_id, session.id):
            # until no other process refreshes the session in between
            if await self._replace(stored, new, entry):
                return new
        raise TokenRejected

    async def _replace(self, old: Session, new: Session, entry: Entry | None) -> bool:
        """:returns: whether it was stored: no other process has replaced it."""
        if entry is None:
            return (await self.sessions.replace(old, new)).changed
        effects = entry.success()
        return await entry.settle(effects, await self.sessions.replace(old, new, effects))


@dataclass(frozen=True, slots=True)
class RevokeExcessSessions:
    """Revoke the oldest sessions of a user who has more than the maximum."""

    sessions: SessionStore
    delete_session: DeleteSession
    most: SessionsPerUser

    async def __call__(self, user: User, caller: RequestContext) -> None:
        for old in excess_sessions(await self.sessions.of_user(user.id), self.most):
            await self.delete_session(old, caller, SessionLimitReached())


@dataclass(frozen=True, slots=True)
class SessionWithActivity:
    """
    :ivar activity: where and by what it was last used, if that is known.
    """

    session: Session
    activity: SessionActivity | None

    @property
    def last_seen_at(self) -> datetime:
        seen = self.activity.at if self.activity else self.session.started_at
        return max(seen, self.session.rotated_at)


@dataclass(frozen=True, slots=True)
class FindSessions:
    """Find the valid sessions of a user, the one that was used last first."""

    sessions: SessionStore
    lifetimes: Lifetimes
    clock: Clock

    async def __call__(self, user: User, actor: Actor) -> Sequence[SessionWithActivity]:
        """
        :param actor: sees the own session as of the presented token: an attacker who has copied
            it does not learn when the owner refreshes.
        """
        now = self.clock()
        activities = await self.sessions.activity_of(user.id)
        good = [
            SessionWithActivity(self._as_seen_by(actor, session), activities.get(session.id))
            for session in await self.sessions.of_user(user.id)
            if session.is_good_for(user) and not session.has_ended(now)
        ]
        return sorted(good, key=lambda each: each.last_seen_at, reverse=True)

    def _as_seen_by(self, actor: Actor, session: Session) -> Session:
        if not isinstance(actor, Principal) or session.id != actor.session.id:
            return session
        issued_at = actor.token_issued_at
        return session if issued_at is None else session.as_of(issued_at, self.lifetimes)


@dataclass(frozen=True, slots=True)
class ListSessions:
    """List the principal's own sessions."""

    users: UserRepository
    find_sessions: FindSessions

    async def __call__(self, principal: Principal) -> Sequence[SessionWithActivity]:
        """:raises TokenRejected: the user has been deleted."""
        user = await self.users.get(principal.user.id)
        if user is None:
            raise TokenRejected
        return await self.find_sessions(user, principal)


@dataclass(frozen=True, slots=True)
class ListSessionsOf:
    """List the sessions of any user, for an administrator or the operator."""

    users: UserRepository
    find_sessions: FindSessions

    async def __call__(self, actor: Actor, user_id: UserId) -> Sequence[SessionWithActivity]:
        """
        :raises PermissionMissing: the actor may not read users.
        :raises NotFound: there is no user with this id.
        """
        actor.require(Permission.READ_USERS)
        user = await self.users.get(user_id)
        if user is None:
            raise NotFound
        return await self.find_sessions(user, actor)


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class RevokeAllSessions:
    """Revoke all sessions of the principal, the current one included."""

    reload_principal: ReloadPrincipal
    users: UserRepository
    purge_stale_sessions: "PurgeStaleSessions"
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


@dataclass(frozen=True, slots=True)
class PurgeStaleSessions:
    """Delete the sessions of earlier generations: raising the generation has ended them."""

    sessions: SessionStore

    async def __call__(self, user: User) -> None:
        for session in await self.sessions.of_user(user.id):
            if not session.is_good_for(user):
                await self.sessions.delete(user.id, session.id)


@dataclass(frozen=True, slots=True)
class PurgeExpiredSessions:
    """Delete expired sessions of users who do not return. Others are deleted at their login."""

    sessions: SessionStore
    clock: Clock

    async def __call__(self) -> None:
        """Delete in steps, up to a maximum: the next run deletes the others.

        :raises Unavailable: the store does not answer.
        """
        before = self.clock() - _KEPT_EXPIRED
        for _ in range(_MAX_STEPS):
            if await self.sessions.delete_expired(before, _STEP) < _STEP:
                return
