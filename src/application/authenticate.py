"""Authenticate the access token of a request."""

from dataclasses import dataclass

from application.audit import Audit, Entry
from application.ports import (
    CachedSessions,
    CachedTokens,
    CachedUsers,
    Clock,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from domain.actor import Principal
from domain.audit.event import EventType
from domain.errors import TokenRejected
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Session
from domain.token import TokenKind
from domain.user import User


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReloadPrincipal:
    """Read the user and the session from the stores: the guard may have used cached ones."""

    users: UserRepository
    sessions: SessionStore

    async def __call__(self, principal: Principal) -> Principal:
        """
        :raises TokenRejected: the user or the session has been deleted, disabled or ended.
        """
        user = await self.users.get(principal.user.id)
        session = await self.sessions.get(principal.user.id, principal.session.id)
        if user is None or session is None or not session.is_good_for(user):
            raise TokenRejected
        return Principal(user, session, principal.token_issued_at)


async def user_of(
    session: Session, users: UserRepository, cached_users: CachedUsers
) -> User | None:
    """Return the user of a session that belongs to the user's current generation, else ``None``.

    A cached user never makes it ``None``: the user is read again first.
    """
    user = await cached_users.possibly_stale(session.user_id)
    if user is not None and not session.is_good_for(user):
        user = await users.get(session.user_id)
    return user if user is not None and session.is_good_for(user) else None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Authenticate:
    """Return the principal of an access token. The guard of each protected route calls it."""

    users: UserRepository
    sessions: SessionStore
    cached_users: CachedUsers
    cached_sessions: CachedSessions
    signer: TokenSigner
    audit: Audit
    clock: Clock

    async def __call__(self, access_token: str, caller: RequestContext = UNKNOWN) -> Principal:
        """
        :raises TokenRejected: the token is invalid, its session has ended, or its user is deleted
            or disabled; now, whatever held when the token was signed.
        """
        entry = self.audit.begin(EventType.AUTHENTICATE, caller)  # only a refusal is recorded
        try:
            return await self._principal(access_token, entry)
        except TokenRejected as refused:
            await self.audit.refused(entry, refused)
            raise

    async def _principal(self, access_token: str, entry: Entry) -> Principal:
        claims = self.signer.verify(access_token, TokenKind.ACCESS)
        entry.user_id, entry.session_id = claims.user_id, claims.session_id
        now = self.clock()
        if not claims.is_current(now):
            raise TokenRejected
        session = await self.cached_sessions.possibly_stale(claims.user_id, claims.session_id)
        user = await self.cached_users.possibly_stale(claims.user_id)
        if session and user and not session.is_good_for(user):
            # Never reject on cached data.
            session = await self.sessions.get(claims.user_id, claims.session_id)
            user = await self.users.get(claims.user_id)
        if session is None or user is None or session.has_ended(now):
            raise TokenRejected
        if not session.is_good_for(user):
            raise TokenRejected
        return Principal(user, session, claims.issued_at)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AuthenticateFromCache:
    """Answer as :class:`Authenticate` does, without waiting, where the answer is certain.

    It is the fast path of most requests, so it awaits nothing.
    """

    cached_tokens: CachedTokens
    cached_sessions: CachedSessions
    cached_users: CachedUsers
    clock: Clock

    def __call__(self, access_token: str) -> Principal | None:
        """
        :returns: ``None`` when anything is missing or looks wrong: then ask
            :class:`Authenticate`, which reads from the stores before it rejects.
        """
        claims = self.cached_tokens.cached(access_token, TokenKind.ACCESS)
        if claims is None:
            return None
        session = self.cached_sessions.cached(claims.user_id, claims.session_id)
        user = self.cached_users.cached(claims.user_id)
        now = self.clock()
        if session is None or user is None:
            return None
        if session.has_ended(now) or not claims.is_current(now) or not session.is_good_for(user):
            return None
        return Principal(user, session, claims.issued_at)
