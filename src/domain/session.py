"""A session: one login, from its start to its end. The rules of refresh tokens live here.

A session has one good refresh token at a time. Each refresh spends it and makes a successor
(rotation). Whoever presents a token that was spent before is one of two:

* somebody honest whose answer was lost or whose tabs asked at the same moment. It happens within
  seconds, so within the *grace* period the token that was spent last gets the same successor
  again: no second branch of the family ever exists.
* a thief, or the owner after a thief. Nobody can tell which, so the session ends (RFC 9700,
  section 4.14.2).

Sessions are values: a rule answers with the session as it has to be stored. A session that has
been ended early (a logout, a reuse) is deleted from its store; what is not there does not
authenticate, and nothing can bring it back.
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
"""What tells one refresh token from another: 128 random bits as 32 hexadecimal digits."""


SessionsPerUser = NewType("SessionsPerUser", int)
"""How many sessions somebody can have at a time."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things last.

    :ivar access: an access token.
    :ivar idle: a session that is not refreshed, and so a refresh token.
    :ivar absolute: a session, however often it is refreshed.
    :ivar grace: how long a just-spent refresh token still gets its successor.
    """

    access: timedelta
    idle: timedelta
    absolute: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """One login. All times are aware and in UTC.

    :ivar token_id: of the refresh token that is good now.
    :ivar spent_id: of the refresh token before it; ``None`` until the first refresh.
    :ivar rotated_at: when the refresh token that is good now was made.
    :ivar expires_at: the end if no refresh comes; moves with each refresh.
    :ivar ends_at: the end in any case.
    :ivar generation: of the user's sessions; see :class:`~domain.user.User`.
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
        """The session of somebody who has just shown who they are."""
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
        """Whether the user, as of now, still has this session and may use it."""
        return not user.disabled and self.generation == user.generation

    def carried_over_to(self, user: User) -> Self:
        """The session that outlives a change of the user's generation."""
        return replace(self, generation=user.generation)

    def refresh(
        self, presented: TokenId, now: datetime, lifetimes: Lifetimes, next_id: TokenId
    ) -> Self:
        """The session after one of its refresh tokens was presented.

        It is this very session, unchanged, when the token is the just-spent one within the grace
        period: its successor exists already and is handed out again.

        :param presented: the id of a refresh token of this session, its signature verified.
        :param next_id: of the successor, should one be made.
        :raises TokenRejected: the session has ended.
        :raises RefreshTokenReused: the token had been spent before. The session must be ended.
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
    """Whether there could be a session of that id."""
    return _SESSION_ID.fullmatch(text) is not None


def excess_sessions(sessions: Iterable[Session], most: SessionsPerUser) -> Sequence[Session]:
    """Those that have to go so that no more than that many are left: the oldest ones."""
    in_order = sorted(sessions, key=lambda session: (session.started_at, session.id))
    return in_order[:-most]
