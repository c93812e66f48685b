"""Flows: the way of a browser to a provider and back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from hashlib import sha256
from hmac import compare_digest
from typing import NewType

from domain.session import SessionId
from domain.social_login.identity import ProviderAccount, ProviderName
from domain.user import UserId

FlowId = NewType("FlowId", str)
"""Which flow a cookie and a ``state`` belong to: 8 digits of its time and 16 random ones, both
hexadecimal, so that the texts of flows sort by time.
"""

LIFETIME = timedelta(minutes=10)
CODE_LIFETIME = timedelta(seconds=60)
MAX_PENDING = 3
"""Flows of one browser: the newest count."""


class Intent(StrEnum):
    """What a flow is for. Rows hold these names: never rename one."""

    LOGIN = auto()
    LINK = auto()
    """A user links an account to the own one, in a session."""
    STEP_UP = auto()
    """A user without any other method proves who acts, in a session."""


@dataclass(frozen=True, slots=True)
class Starter:
    """The session that has begun a flow, which is good while that session is."""

    user_id: UserId
    generation: int
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class AppClient:
    """An application that gets a code in place of cookies (RFC 7636).

    :ivar code_challenge: the SHA-256 digest of its verifier, in base64url.
    :ivar state: which it gets back; empty for none.
    """

    code_challenge: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as stored. Its secrets have only the browser and, of some, the provider.

    :ivar digest: of the ``state``, from :func:`digest_of`.
    :ivar binding: the digest of the secret in the cookie of the browser that has begun it.
    :ivar return_to: where the browser goes at the end.
    :ivar starter: of a flow that does not log in.
    :ivar app: of a flow that ends with a code.
    """

    digest: str
    provider: ProviderName
    intent: Intent
    binding: str
    return_to: str
    expires_at: datetime
    starter: Starter | None = None
    app: AppClient | None = None

    def is_good(self, provider: ProviderName, secret: str, now: datetime) -> bool:
        """Return whether the browser with this cookie may end it, at this provider's callback."""
        is_bound = compare_digest(self.binding, digest_of(secret))
        return is_bound and self.provider == provider and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Code:
    """What an application exchanges for tokens, once. Only its digest is stored.

    :ivar account: which has logged in at its provider.
    :ivar code_challenge: see :class:`AppClient`.
    """

    digest: str
    account: ProviderAccount
    code_challenge: str
    expires_at: datetime


def digest_of(secret: str) -> str:
    """Return the SHA-256 digest of a secret. It has 256 random bits: no salt is needed."""
    return sha256(secret.encode(errors="replace")).hexdigest()
