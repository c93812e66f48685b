"""What a token says. How it is written and signed is an adapter's affair."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self

from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.user import UserId

LEEWAY = timedelta(seconds=30)
"""How far the clocks of two machines may differ."""


class TokenKind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The facts in a token. The times are whole seconds since 1970 (RFC 7519, NumericDate)."""

    kind: TokenKind
    user_id: UserId
    session_id: SessionId
    token_id: TokenId
    issued_at: int
    expires_at: int

    @classmethod
    def of(cls, session: Session, kind: TokenKind, lifetimes: Lifetimes) -> Self:
        """The claims of the session's token of this kind.

        They follow from the session alone, so the same session always yields the same tokens:
        that is what makes a repeated refresh harmless.
        """
        expires_at = session.expires_at
        if kind is TokenKind.ACCESS:
            expires_at = min(expires_at, session.rotated_at + lifetimes.access)
        return cls(
            kind=kind,
            user_id=session.user_id,
            session_id=session.id,
            token_id=_token_id(session, kind),
            issued_at=int(session.rotated_at.timestamp()),
            expires_at=int(expires_at.timestamp()),
        )

    @property
    def lifetime(self) -> int:
        """In seconds."""
        return self.expires_at - self.issued_at

    def is_current(self, now: datetime) -> bool:
        """Whether the token is neither expired nor from the future, give or take the leeway."""
        second, leeway = now.timestamp(), LEEWAY.total_seconds()
        return self.issued_at - leeway <= second < self.expires_at + leeway


def _token_id(session: Session, kind: TokenKind) -> TokenId:
    """Access tokens have ids of their own, made from the one random number of the rotation."""
    if kind is TokenKind.REFRESH:
        return session.token_id
    return TokenId(sha256(f"{kind}:{session.token_id}".encode()).hexdigest()[:32])
