"""Challenges: what a client has to answer within minutes, once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from hashlib import sha256

from domain.authentication import Method
from domain.session import Transport
from domain.user import User, UserId

LIFETIME = timedelta(minutes=5)
MAX_TRIES = 5


class Ceremony(StrEnum):
    """What a challenge is for. Rows hold these names: never rename one."""

    SECOND_FACTOR = auto()
    """A login whose password was right."""
    PASSKEY_REGISTRATION = auto()
    PASSKEY_ASSERTION = auto()
    """Any use of a passkey: a login, a second factor or a step-up."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge as stored: its secret has only the client.

    :ivar digest: of the secret, from :func:`digest_of`.
    :ivar user_id: whose challenge it is, with the ``generation`` of that time: it dies with the
        user's sessions. ``None`` of one that names no user.
    :ivar binding: a digest of the client or the session that may answer; empty for any.
    :ivar methods: what the client has shown already.
    :ivar transport: how the client wants the tokens.
    :ivar shows_access: whether the body of the answer has the access token beside the cookies.
    :ivar tries: how many answers were tried, this one included.
    """

    digest: str
    ceremony: Ceremony
    expires_at: datetime
    user_id: UserId | None = None
    generation: int | None = None
    binding: str = ""
    methods: frozenset[Method] = frozenset()
    transport: Transport = Transport.COOKIE
    shows_access: bool = False
    tries: int = 0

    def is_for(self, user: User) -> bool:
        """Return whether it was made for this user, whose sessions have not ended since."""
        is_same = self.user_id == user.id and self.generation == user.generation
        return is_same and not user.disabled

    def is_answerable(self, ceremony: Ceremony, binding: str, now: datetime) -> bool:
        return (
            self.ceremony is ceremony
            and self.binding == binding
            and now < self.expires_at
            and self.tries <= MAX_TRIES
        )


def digest_of(secret: str) -> str:
    """Return the SHA-256 digest of a challenge. It has 256 random bits: no salt is needed."""
    return sha256(secret.encode()).hexdigest()
