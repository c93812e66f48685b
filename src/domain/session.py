"""A session: one login, from its start to its end. The rules of refresh tokens live here.

A session has one valid refresh token at a time. Each refresh spends it and makes a successor
(rotation). A token that was already spent comes from one of two clients:

* An honest client lost the answer, or sent the token from two tabs at the same moment. That
  happens within seconds, so within the *grace* period a token that was spent gets the valid one
  that descends from it: the token family never has a second branch.
* An attacker stole the token, or the owner presents it after an attacker. The two cannot be told
  apart, so the session ends (RFC 9700, section 4.14.2).

An attacker can be quick, too. So the repetition must come from the client that made the last
rotation (see :class:`~domain.client.digest.ClientDigest`). If that client seems to be somewhere
else now, it gets its answer, which is a *strike*; a session with too many strikes ends.

Sessions are values: a rule returns the session that is to be stored. A session that ends early (by
a logout or a reuse) is deleted from its store; a deleted session does not authenticate, and
nothing restores it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NewType, Self

from domain.authentication import ONLY_PASSWORD, Level, Method, level_of
from domain.client.digest import ClientDigest
from domain.errors import RefreshTokenReused, TokenRejected
from domain.request_context import RequestContext
from domain.user import User, UserId

SessionId = NewType("SessionId", str)
"""128 random bits as 32 hexadecimal digits."""

_SESSION_ID = re.compile(r"[0-9a-f]{32}")

TokenId = NewType("TokenId", str)
"""The id of a refresh token: 128 bits as 32 hexadecimal digits, random for the first one of a
session. Each other is a digest of the one before: see :func:`successor_of`."""

SessionsPerUser = NewType("SessionsPerUser", int)
"""The maximum number of sessions that a user has at a time."""


STEP_UP_LIFETIME = timedelta(minutes=10)
"""How long after a step-up a session is good for sensitive steps."""

MAX_INTERVALS = 3
STRIKE, MAX_STRIKES = 2, 6
"""A repetition from elsewhere, and how many make a session end. One rotation in peace takes one
away, so that a phone may move, and an attacker who follows each rotation is noticed."""

_MILLISECOND = timedelta(milliseconds=1)
_MAX_INTERVAL = 0xFFFF


class Transport(StrEnum):
    """How a client got the tokens of a session at its login: as cookies, or in the body."""

    COOKIE = "cookie"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """
    :ivar access: the lifetime of an access token.
    :ivar idle: the lifetime of a session without a refresh, and so of a refresh token.
    :ivar absolute: the lifetime of a session, however often it is refreshed.
    :ivar grace: how long a spent token still gets the valid one.
    :ivar bearer_idle: ``idle`` of sessions with bearer transport, if it is another one.
    :ivar bearer_absolute: ``absolute`` of sessions with bearer transport, if it is another one.
    """

    access: timedelta
    idle: timedelta
    absolute: timedelta
    grace: timedelta
    bearer_idle: timedelta | None = None
    bearer_absolute: timedelta | None = None

    def idle_of(self, transport: Transport) -> timedelta:
        return (transport is Transport.BEARER and self.bearer_idle) or self.idle

    def absolute_of(self, transport: Transport) -> timedelta:
        return (transport is Transport.BEARER and self.bearer_absolute) or self.absolute


@dataclass(frozen=True, slots=True)
class Session:
    """One login. All times are aware and in UTC.

    :ivar token_id: the id of the refresh token that is valid now.
    :ivar spent_id: the id of the refresh token before it; ``None`` until the first refresh. It is
        not compared, and a store may leave it out of a session with ``refreshed_by``: only the
        release before this one does not know it otherwise.
    :ivar rotated_at: when the valid refresh token was made.
    :ivar expires_at: when the session ends without a refresh; each refresh moves it.
    :ivar ends_at: when the session ends in any case.
    :ivar generation: the user's generation at the login; see :class:`~domain.user.User`.
    :ivar transport: of the login. It decides the lifetimes, and no later request changes it: a
        refresh token that is presented by the other transport does not live longer.
    :ivar refreshed_by: the client that made the last rotation, or repeated it last; ``None`` until
        the first refresh, and of one that the release before this one made.
    :ivar intervals: the times between the last rotations in milliseconds, rounded up, the newest
        first: those of the grace period, at most 3.
    :ivar strikes: see :data:`STRIKE`.
    :ivar methods: by which its user has authenticated. No refresh changes them.
    :ivar is_stepped_up: whether it began with a step-up, in place of the session before.
    """

    id: SessionId
    user_id: UserId
    token_id: TokenId
    spent_id: TokenId | None = field(compare=False)
    started_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ends_at: datetime
    generation: int = 0
    transport: Transport = Transport.COOKIE
    refreshed_by: ClientDigest | None = None
    intervals: tuple[int, ...] = ()
    strikes: int = 0
    methods: frozenset[Method] = ONLY_PASSWORD
    is_stepped_up: bool = False

    @classmethod
    def start(
        cls,
        session_id: SessionId,
        user: User,
        token_id: TokenId,
        now: datetime,
        lifetimes: Lifetimes,
        transport: Transport = Transport.COOKIE,
        methods: frozenset[Method] = ONLY_PASSWORD,
    ) -> Self:
        """Start a session for a user who has just authenticated.

        Each authentication starts one: a step-up ends the session before.
        """
        ends_at = now + lifetimes.absolute_of(transport)
        return cls(
            session_id,
            user.id,
            token_id,
            spent_id=None,
            started_at=now,
            rotated_at=now,
            expires_at=min(now + lifetimes.idle_of(transport), ends_at),
            ends_at=ends_at,
            generation=user.generation,
            transport=transport,
            methods=methods,
        )

    def stepped_up(self) -> Self:
        """Return the new session, which begins with a step-up."""
        return replace(self, is_stepped_up=True)

    @property
    def level(self) -> Level:
        return level_of(self.methods)

    @property
    def authenticated_at(self) -> datetime:
        """When its user has authenticated last: at the login, or at the step-up."""
        return self.started_at

    @property
    def stepped_up_at(self) -> datetime | None:
        return self.started_at if self.is_stepped_up else None

    def allows_sensitive_steps(self, now: datetime) -> bool:
        """Return whether its user has stepped up a short while ago."""
        stepped_up_at = self.stepped_up_at
        return stepped_up_at is not None and now < stepped_up_at + STEP_UP_LIFETIME

    def has_ended(self, now: datetime) -> bool:
        return now >= self.expires_at

    def is_good_for(self, user: User) -> bool:
        """Return whether the user is enabled and has not ended the sessions of this generation."""
        return not user.disabled and self.generation == user.generation

    def as_of(self, issued_at: int, lifetimes: Lifetimes) -> Self:
        """Return the session as the holder of a token knows it: without later rotations.

        The time to ``expires_at`` is not used: near the end of the session it shows when the
        session was rotated.

        :param issued_at: when the token was issued, in seconds since 1970.
        """
        rotated_at = datetime.fromtimestamp(issued_at, UTC)
        expires_at = min(rotated_at + lifetimes.idle_of(self.transport), self.ends_at)
        return replace(self, rotated_at=rotated_at, expires_at=expires_at)

    def refresh(
        self,
        presented: TokenId,
        caller: RequestContext,
        now: datetime,
        lifetimes: Lifetimes,
        *,
        is_page: bool = False,
    ) -> Self:
        """Return the session after one of its refresh tokens was presented.

        Its valid token is another one then if it was presented. It is the same one if the client
        repeats a refresh within the grace period: the token exists already and is issued again.
        The session then is this same object, unless the client seems to be somewhere else.

        :param presented: the id of a refresh token of this session, whose signature is verified.
        :param is_page: whether a browser asks for a page. It repeats no request by itself when an
            answer is lost, so its next one may come long after the grace period: it is accepted
            from the very same device and network while no other client has refreshed.
        :raises TokenRejected: the session has ended.
        :raises RefreshTokenReused: the token was spent earlier, or another client spent it, or
            repetitions from elsewhere have become a habit. The caller must end the session.
        """
        if self.has_ended(now):
            raise TokenRejected
        if presented == self.token_id:
            return self._rotate(caller, now, lifetimes)
        spent_at = self._spent_at(presented)
        if spent_at is None:
            raise RefreshTokenReused
        is_late = now - spent_at >= lifetimes.grace
        if is_late and not (is_page and self._was_refreshed_by(caller)):
            raise RefreshTokenReused
        return self._repeat(caller)

    def _rotate(self, caller: RequestContext, now: datetime, lifetimes: Lifetimes) -> Self:
        interval = now - self.rotated_at
        was_in_peace = interval >= lifetimes.grace
        return replace(
            self,
            token_id=successor_of(self.token_id),
            spent_id=self.token_id,
            rotated_at=now,
            expires_at=min(now + lifetimes.idle_of(self.transport), self.ends_at),
            refreshed_by=ClientDigest.of(caller, self.id),
            intervals=self._intervals_after(interval, lifetimes.grace),
            strikes=max(self.strikes - was_in_peace, 0),
        )

    def _intervals_after(self, interval: timedelta, grace: timedelta) -> tuple[int, ...]:
        """Return the intervals after one more, without those that the grace period is over for."""
        kept: list[int] = []
        for each in (max(-(-interval // _MILLISECOND), 1), *self.intervals):
            kept.append(each)
            if each > _MAX_INTERVAL or sum(kept) * _MILLISECOND >= grace:
                return tuple(kept[:-1][:MAX_INTERVALS])
        return tuple(kept[:MAX_INTERVALS])

    def _spent_at(self, presented: TokenId) -> datetime | None:
        """Return when the token was spent; ``None`` if it was not among the last ones."""
        if presented == self.spent_id:
            return self.rotated_at
        spent_at, descendant = self.rotated_at, presented
        for interval in (0, *self.intervals):
            spent_at -= interval * _MILLISECOND
            descendant = successor_of(descendant)
            if descendant == self.token_id:
                return spent_at
        return None

    def _was_refreshed_by(self, caller: RequestContext) -> bool:
        """Return whether it was this device, by its token, in this network."""
        client = self.refreshed_by
        if client is None or not client.has_device:
            return False
        return client.recognise(caller, self.id) is client

    def _repeat(self, caller: RequestContext) -> Self:
        if self.refreshed_by is None:
            return self
        client = self.refreshed_by.recognise(caller, self.id)
        if client is self.refreshed_by:
            return self
        strikes = self.strikes + STRIKE
        if client is None or strikes >= MAX_STRIKES:
            raise RefreshTokenReused
        return replace(self, refreshed_by=client, strikes=strikes)


def successor_of(token_id: TokenId) -> TokenId:
    """Return the id of the refresh token after the one with this id.

    Ids are no secrets: a token is valid by its signature. Because they form a chain, a session
    recognises its earlier tokens and need not store their ids.
    """
    return TokenId(sha256(f"successor:{token_id}".encode()).hexdigest()[:32])


def is_session_id(text: str) -> bool:
    """Return whether the text has the form of a session id."""
    return _SESSION_ID.fullmatch(text) is not None


def excess_sessions(sessions: Iterable[Session], most: SessionsPerUser) -> Sequence[Session]:
    """Return the oldest sessions, those beyond the maximum."""
    in_order = sorted(sessions, key=lambda session: (session.started_at, session.id))
    return in_order[:-most]
