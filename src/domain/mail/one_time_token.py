"""One-time tokens: the links in mails, each for one purpose and one use."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, auto
from hashlib import sha256
from typing import Self

from domain.email import Email
from domain.user import User, UserId

LIVE_TOKENS = 3
"""Tokens of one user and purpose that are usable at a time, the newest: more would help an
attacker, and with fewer an attacker could keep the owner's link unusable by asking for others.
Undos are not limited: an attacker who has the account must not end the owner's by more changes.
"""


class Purpose(StrEnum):
    """What a token allows. Rows hold these names: never rename one."""

    PASSWORD_RESET = auto()
    EMAIL_VERIFICATION = auto()
    EMAIL_CHANGE = auto()
    EMAIL_UNDO = auto()


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """A token as stored: its secret is only in the mail.

    :ivar id: 32 hexadecimal digits; that of the message which carries it.
    :ivar digest: of the secret, from :func:`digest_of`.
    :ivar generation: the user's generation when it was issued: it dies with the user's sessions.
    :ivar email: the address that its use proves, or restores.
    :ivar used_at: when it was used, or replaced by newer ones.
    """

    id: str
    digest: str
    purpose: Purpose
    user_id: UserId
    generation: int
    email: Email
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    def is_usable(self, user: User, now: datetime) -> bool:
        """Return whether the token is good now for this user.

        An undo outlives the user's generation: an attacker who has changed the address changes the
        password next.
        """
        if self.used_at is not None or now >= self.expires_at or user.id != self.user_id:
            return False
        match self.purpose:
            case Purpose.EMAIL_UNDO:
                return True
            case Purpose.EMAIL_CHANGE:
                return user.generation == self.generation
            case Purpose.PASSWORD_RESET | Purpose.EMAIL_VERIFICATION:
                is_current = user.generation == self.generation
                return is_current and user.email.key == self.email.key

    @property
    def is_limited(self) -> bool:
        """Whether only the newest :data:`LIVE_TOKENS` are usable."""
        return self.purpose is not Purpose.EMAIL_UNDO

    def issued_beside(self, others: Iterable["OneTimeToken"]) -> Self:
        """Return the token as it is to be stored.

        An undo is used already if another undo ended it before it was issued, which happens when
        its mail is delivered: its change was made before, and has been undone.

        :param others: the stored tokens of its user and purpose.
        """
        is_undone = self.purpose is Purpose.EMAIL_UNDO and any(
            other.used_at is not None
            and other.used_at >= self.issued_at
            and self.is_spent_with(other)
            for other in others
        )
        return self.used(self.issued_at) if is_undone else self

    def used(self, now: datetime) -> Self:
        return replace(self, used_at=now)

    def is_spent_with(self, other: "OneTimeToken") -> bool:
        """Return whether the use of another token ends this one, too.

        The first use ends all of one user and purpose. An undo leaves those of earlier changes:
        the use of a later one must not take the former owner's away.
        """
        if (self.user_id, self.purpose) != (other.user_id, other.purpose):
            return False
        return self.purpose is not Purpose.EMAIL_UNDO or self.issued_at >= other.issued_at


def digest_of(secret: str) -> str:
    """Return the SHA-256 digest of a token's secret. It has 256 random bits: no salt is needed."""
    return sha256(secret.encode()).hexdigest()
