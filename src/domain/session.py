"""A session: one login, from its start to its end. The rules of refresh tokens live here.

A session has one valid refresh token at a time. Each refresh spends it and makes a successor
(rotation). A token that was already spent comes from one of two clients:

* An honest client lost the answer, or sent the token from two tabs at the same moment. That
  happens within seconds, so within the *grace* period the token that was spent last gets the same
  successor again: the token family never has a second branch.
* An attacker stole the token, or the owner presents it after an attacker. The two cannot be told
  apart, so the session ends (RFC 9700, section 4.14.2).

Sessions are values: a rule returns the session that is to be stored. A session that ends early (by
a logout or a reuse) is deleted from its store; a deleted session does not authenticate, and
nothing restores it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NewType, Self

from domain.errors import RefreshTokenReused, TokenRejected
from domain.user import User, UserId

SessionId = NewType("SessionId", str)
"""128 random bits as 32 hexadecimal digits."""

_SESSION_ID = re.compile(r"[0-9a-f]{32}")

TokenId = NewType("TokenId", str)
"""The id of a refresh token: 128 random bits as 32 hexadecimal digits."""

SessionsPerUser = NewType("SessionsPerUser", int)
"""The maximum number of sessions that a user has at a time."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """
    :ivar access: the lifetime of an access token.
    :ivar idle: the lifetime of a session without a refresh, and so of a refresh token.
    :ivar absolute: the lifetime of a session, however often it is refreshed.
    :ivar grace: how long the token that was spent last still gets its successor.
    """

    access: timedelta
    idle: timedelta
    absolute: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """One login. All times are aware and in UTC.

    :ivar token_id: the id of the refresh token that is valid now.
    :ivar spent_id: the id of the refresh token before it; ``None`` until the first refresh.
    :ivar rotated_at: when the valid refresh token was made.
    :ivar expires_at: when the session ends without a refresh; each refresh moves it.
    :ivar ends_at: when the session ends in any case.
    :ivar generation: the user's generation at the login; see :class:`~domain.user.User`.
    """

    id: SessionId
    user_id: UserId
    token_id: TokenId
    spent_id: TokenId | None
    started_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ends_at: datetime
    generation: int = 0

    @classmethod
    def start(
        cls,
        session_id: SessionId,
        user: User,
        token_id: TokenId,
        now: datetime,
        lifetimes: Lifetimes,
    ) -> Self:
        """Start a session for a user who has just authenticated."""
        ends_at = now + lifetimes.absolute
        return cls(
            session_id,
            user.id,
            token_id,
            spent_id=None,
            started_at=now,
            rotated_at=now,
            expires_at=min(now + lifetimes.idle, ends_at),
            ends_at=ends_at,
            generation=user.generation,
        )

    def has_ended(self, now: datetime) -> bool:
        return now >= self.expires_at

    def is_good_for(self, user: User) -> bool:
        """Return whether the user is enabled and has not ended the sessions of this generation."""
        return not user.disabled and self.generation == user.generation

    def refresh(
        self, presented: TokenId, now: datetime, lifetimes: Lifetimes, next_id: TokenId
    ) -> Self:
        """Return the session after one of its refresh tokens was presented.

        It is this same object when the token was the last to be spent and the grace period runs:
        its successor exists already and is issued again.

        :param presented: the id of a refresh token of this session, whose signature is verified.
        :param next_id: the id of the successor, if one is made.
        :raises TokenRejected: the session has ended.
        :raises RefreshTokenReused: the token was spent earlier. The caller must end the session.
        """
        if self.has_ended(now):
            raise TokenRejected
        if presented == self.token_id:
            return self._rotate(now, lifetimes, next_id)
        if presented == self.spent_id and now - self.rotated_at < lifetimes.grace:
            return self
        raise RefreshTokenReused

    def _rotate(self, now: datetime, lifetimes: Lifetimes, next_id: TokenId) -> Self:
        return replace(
            self,
            token_id=next_id,
            spent_id=self.token_id,
            rotated_at=now,
            expires_at=min(now + lifetimes.idle, self.ends_at),
        )


def is_session_id(text: str) -> bool:
    """Return whether the text has the form of a session id."""
    return _SESSION_ID.fullmatch(text) is not None


def excess_sessions(sessions: Iterable[Session], most: SessionsPerUser) -> Sequence[Session]:
    """Return the oldest sessions, those beyond the maximum."""
    in_order = sorted(sessions, key=lambda session: (session.started_at, session.id))
    return in_order[:-most]
