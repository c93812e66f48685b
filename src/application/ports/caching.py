"""Records that this process may have cached, for the questions that come with every request.

A cached record may be stale. Never reject a request because of it and never write back what was
decided on it: re-read from the store first.

A change through the stores of this process is visible at once. A change elsewhere is visible as
soon as the invalidation feed reports it, and in any case after the configured bound
(``REVOCATION_BOUND``). ``docs/revocation.md`` states the guarantee.
"""

from abc import abstractmethod
from typing import Protocol

from domain.session import Session, SessionId
from domain.token import TokenClaims, TokenKind
from domain.user import User, UserId


class CachedUsers(Protocol):
    """The users, as far as this process has cached them."""

    @abstractmethod
    def cached(self, user_id: UserId) -> User | None:
        """Return the user without any I/O; ``None`` when it is not cached."""

    @abstractmethod
    async def possibly_stale(self, user_id: UserId) -> User | None:
        """Return the cached user, or else the stored one."""


class CachedSessions(Protocol):
    """The sessions, as far as this process has cached them."""

    @abstractmethod
    def cached(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """Return the session without any I/O; ``None`` when it is not cached."""

    @abstractmethod
    async def possibly_stale(self, user_id: UserId, session_id: SessionId) -> Session | None:
        """Return the cached session, or else the stored one."""


class CachedTokens(Protocol):
    """The tokens whose signature this process has verified."""

    @abstractmethod
    def cached(self, token: str, kind: TokenKind) -> TokenClaims | None:
        """Return the claims of a verified token; ``None`` when it is not cached.

        They say nothing about the session: that has to be looked up with each use.
        """
