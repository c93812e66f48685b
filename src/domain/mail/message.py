"""Mail: messages, their recipients and times.

A message holds no text and no secret: adapters write the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import NewType, Self

from domain.email import Email
from domain.user import UserId

MessageId = NewType("MessageId", str)
"""128 random bits, as 32 hexadecimal digits."""


def is_message_id(text: str) -> bool:
    """Whether a message may have this id."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


_DELAYS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
_JITTER = 0.2
"""The share of a delay that chance may add, so that messages that failed together part."""


class MailKind(StrEnum):
    """What a message is about. Rows, metrics and file names of templates hold these names."""

    PASSWORD_RESET = auto()
    """A link that sets a new password."""
    INVITATION = auto()
    """A link that sets the first password of an account which an administrator has made."""
    EMAIL_VERIFICATION = auto()
    """A link that proves the address."""
    ALREADY_REGISTERED = auto()
    """To the owner of an address with which another registration was attempted."""
    EMAIL_CHANGE = auto()
    """To the new address: a link that makes it the user's."""
    EMAIL_CHANGE_TAKEN = auto()
    """To an address that is another user's already, in place of the former."""
    EMAIL_CHANGE_REQUESTED = auto()
    """To the present address, with a link that cancels the change."""
    EMAIL_CHANGED = auto()
    """To the former address, with a link that restores it."""
    PASSWORD_CHANGED = auto()
    NEW_DEVICE = auto()
    ACCOUNT_CHANGED = auto()
    """An administrator or the operator has changed the account."""
    ACCOUNT_DELETED = auto()
    SECOND_FACTORS_CHANGED = auto()
    """A factor was enrolled, removed or reset, or there are new recovery codes."""
    SECOND_FACTOR_FAILED = auto()
    """A wrong second factor after a right password."""
    RECOVERY_CODE_USED = auto()
    IDENTITIES_CHANGED = auto()
    """An account at another provider was linked or unlinked."""
    TEST = auto()
    """The operator tries the configuration."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message before it is written.

    :ivar id: identifies it for ever: a message that is delivered twice is one message.
    :ivar expires_at: when it becomes useless; the link in it ends then.
    :ivar user_id: the user it was made for. ``None`` while only an address is known: whether a
        user has it is looked up at delivery, so that a request takes the same time either way.
    :ivar generation: the user's generation when it was made, if it is worthless after a change.
    :ivar locale: the language, if it is known already.
    :ivar link_target: the page that the link leads to, one of the operator's list.
    :ivar facts: what the text states, such as a role. No text that a stranger has typed.
    """

    id: MessageId
    kind: MailKind
    to: Email
    created_at: datetime
    expires_at: datetime
    user_id: UserId | None = None
    generation: int | None = None
    locale: str | None = None
    link_target: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class DeliveryState(StrEnum):
    """What has become of a message."""

    QUEUED = auto()
    SENT = auto()
    GIVEN_UP = auto()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the outbox.

    :ivar attempts: how often its delivery was begun.
    :ivar due_at: when the next attempt may begin. While one is under way it is the end of its
        lease: a worker that dies leaves the message to another one.
    :ivar error: why the last attempt failed, as a stable name.
    :ivar ended_at: when it was sent or given up.
    """

    message: Message
    due_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    error: str = ""
    ended_at: datetime | None = None

    @classmethod
    def of(cls, message: Message) -> Self:
        """Queue a new message, due at once."""
        return cls(message, message.created_at)

    def leased(self, until: datetime) -> Self:
        """Begin an attempt that has to end before this time."""
        return replace(self, due_at=until, attempts=self.attempts + 1)

    def sent(self, now: datetime) -> Self:
        return replace(self, state=DeliveryState.SENT, error="", ended_at=now)

    def given_up(self, reason: str, now: datetime) -> Self:
        return replace(self, state=DeliveryState.GIVEN_UP, error=reason, ended_at=now)

    def delayed(self, reason: str, chance: float, now: datetime) -> Self:
        """Try again later, sooner the less time is left; or give up when the message is about to
        expire.

        :param chance: a random number from 0 to 1.
        """
        left = self.message.expires_at - now
        if left <= 2 * _DELAYS[0]:
            return self.given_up(reason, now)
        delay = min(_DELAYS[min(self.attempts, len(_DELAYS)) - 1], left / 2)
        return replace(self, due_at=now + delay * (1 + _JITTER * chance), error=reason)

    def retried(self, now: datetime) -> Self:
        """Queue it again, as if it were new; the operator asks for that."""
        return replace(
            self, state=DeliveryState.QUEUED, attempts=0, due_at=now, error="", ended_at=None
        )
