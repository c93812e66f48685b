"""Start sessions, and renew them when users authenticate again."""

from dataclasses import dataclass

from application.audit import Entry
from application.ports import Clock, RandomId, SessionStore, UserRepository
from domain.authentication import ONLY_PASSWORD, Method
from domain.errors import InvalidCredentials, TokenRejected
from domain.request_context import RequestContext
from domain.session import (
    Lifetimes,
    Session,
    SessionId,
    TokenId,
    Transport,
)
from domain.session_activity import SessionActivity
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
