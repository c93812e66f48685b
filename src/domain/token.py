"""The claims of tokens. An adapter encodes and signs them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from domain.authentication import Level, references_of
from domain.permissions import Role
from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.user import User, UserId

LEEWAY = timedelta(seconds=30)
"""The accepted difference between the clocks of two machines."""


class TokenKind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class AuthenticationClaims:
    """How the user of a session has authenticated (RFC 9068, section 2.2.1).

    :ivar references: the ``amr`` (RFC 8176), in alphabetical order.
    :ivar level: the ``acr``.
    :ivar at: the ``auth_time``, in whole seconds since 1970.
    """

    references: tuple[str, ...]
    level: Level
    at: int

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return the claims of the session: no refresh changes them."""
        at = int(session.authenticated_at.timestamp())
        return cls(references_of(session.methods), session.level, at)


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a token. The times are whole seconds since 1970 (RFC 7519, NumericDate).

    :ivar role: the role of the user when an access token was signed, for other services. It may
        have changed since, so this service never decides by it.
    :ivar email_verified: likewise, whether the user's address was proven. ``None`` in refresh
        tokens, and in access tokens of releases before 0.3.
    :ivar authentication: ``None`` in the same tokens.
    :ivar is_restricted: whether an access token is for the enrolment of a second factor alone, so
        that other services must not accept it.
    """

    kind: TokenKind
    user_id: UserId
    session_id: SessionId
    token_id: TokenId
    issued_at: int
    expires_at: int
    role: Role | None = None
    email_verified: bool | None = None
    authentication: AuthenticationClaims | None = None
    is_restricted: bool = False

    @classmethod
    def of(
        cls,
        session: Session,
        kind: TokenKind,
        lifetimes: Lifetimes,
        user: User | None = None,
        *,
        is_restricted: bool = False,
    ) -> Self:
        """Return the claims of the session's token of this kind.

        They are a function of the arguments, so a repeated refresh yields the same tokens.

        :param user: whom an access token describes to other services.
        :param is_restricted: whether the session is good for the enrolment of a second factor
            alone.
        """
        is_access = kind is TokenKind.ACCESS
        described = user if is_access else None
        expires_at = session.expires_at
        if is_access:
            expires_at = min(expires_at, session.rotated_at + lifetimes.access)
        return cls(
            kind=kind,
            user_id=session.user_id,
            session_id=session.id,
            token_id=_token_id(session, kind),
            issued_at=int(session.rotated_at.timestamp()),
            expires_at=int(expires_at.timestamp()),
            role=described.role if described else None,
            email_verified=described.verified if described else None,
            authentication=AuthenticationClaims.of(session) if described else None,
            is_restricted=is_access and is_restricted,
        )

    @property
    def lifetime(self) -> int:
        """The lifetime in seconds."""
        return self.expires_at - self.issued_at

    def is_current(self, now: datetime) -> bool:
        """Return whether the token is issued and not expired, within the leeway."""
        second, leeway = now.timestamp(), LEEWAY.total_seconds()
        return self.issued_at - leeway <= second < self.expires_at + leeway


def _token_id(session: Session, kind: TokenKind) -> TokenId:
    """Derive the id of an access token from the one random number of the rotation."""
    if kind is TokenKind.REFRESH:
        return session.token_id
    return TokenId(sha256(f"{kind}:{session.token_id}".encode()).hexdigest()[:32])
