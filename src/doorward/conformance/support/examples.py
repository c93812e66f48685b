"""Example users and sessions for tests. Each test states only what it is about."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.audit.event import Event, EventType
from domain.email import Email
from domain.mail.message import MailKind, Message, MessageId
from domain.mail.one_time_token import OneTimeToken, Purpose, digest_of
from domain.outcome import Outcome
from domain.request_context import UNKNOWN, RequestContext
from domain.session import Lifetimes, Session, SessionId, TokenId
from domain.user import User, UserId

# A store may purge expired records by the real clock, so times are near the real now. An odd
# number of microseconds reveals rounding.
NOW = datetime.now(UTC).replace(microsecond=123_457)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

ADA, EVE = UserId(uuid4()), UserId(uuid4())
"""The stored users of an audit log: of other users no address is recorded."""

HERE = RequestContext("192.0.2.1", "request-7")
"""The caller of each event, unless its test states another one."""

LIFETIMES = Lifetimes(
    access=timedelta(minutes=15),
    idle=timedelta(minutes=60),
    absolute=timedelta(days=30),
    grace=timedelta(seconds=10),
)


def new_id() -> str:
    return secrets.token_hex(16)


def a_user(**changes: Any) -> User:
    """Return a user with a new id; changes are attributes."""
    user = User.register(
        UserId(uuid4()), "Ada Lovelace", Email.parse("ada@example.org"), "a hash", NOW
    )
    return replace(user, **changes)


def a_session(**changes: Any) -> Session:
    """Return a new session of an unknown user; changes are attributes."""
    session = Session.start(SessionId(new_id()), a_user(), TokenId(new_id()), NOW, LIFETIMES)
    return replace(session, **changes)


def refreshed(session: Session, now: datetime = NOW) -> Session:
    """Return the session after a refresh with its valid refresh token."""
    return session.refresh(session.token_id, UNKNOWN, now, LIFETIMES)


def an_event(**changes: Any) -> Event:
    """Return a successful login of an unknown user; changes are attributes."""
    event = Event(new_id(), EventType.LOGIN, Outcome.SUCCESS, NOW, HERE)
    return replace(event, **changes)


def a_message(**changes: Any) -> Message:
    """Return a notice to an unknown user; changes are attributes."""
    message = Message(
        MessageId(new_id()),
        MailKind.PASSWORD_CHANGED,
        Email.parse("ada@example.org"),
        NOW,
        NOW + timedelta(hours=1),
    )
    return replace(message, **changes)


def a_token(user: User, **changes: Any) -> OneTimeToken:
    """Return a new token of a user; changes are attributes."""
    token = OneTimeToken(
        new_id(),
        digest_of(new_id()),
        Purpose.PASSWORD_RESET,
        user.id,
        user.generation,
        user.email,
        NOW,
        NOW + timedelta(minutes=30),
    )
    return replace(token, **changes)
