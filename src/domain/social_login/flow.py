"""Flows: the way of a browser to a provider and back."""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from hashlib import sha256
from hmac import compare_digest, digest
from typing import NewType, Self

from domain.errors import InvalidInput, Problem
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
LONGEST_APP_STATE = 512

_FLOW_ID = re.compile(r"[0-9a-f]{24}")
_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


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

    @classmethod
    def parse(cls, code_challenge: str, state: str = "") -> Self:
        """
        :raises InvalidInput: the challenge is no SHA-256 digest in base64url without padding, or
            the state is too long, or not in printable ASCII.
        """
        if not _CODE_CHALLENGE.fullmatch(code_challenge):
            message = "must be a SHA-256 digest in base64url: 43 characters"
            raise InvalidInput(Problem("code_challenge", message))
        is_plain = state.isascii() and (state.isprintable() or not state)
        if len(state) > LONGEST_APP_STATE or not is_plain:
            message = f"must be at most {LONGEST_APP_STATE} printable ASCII characters"
            raise InvalidInput(Problem("state", message))
        return cls(code_challenge, state)


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as stored. Its secrets have only the browser and, of some, the provider.

    :ivar digest: of the ``state``, from :func:`digest_of`.
    :ivar binding: the digest of the secret in the cookie of the browser that has begun it.
    :ivar return_to: where the browser goes at the end.
    :ivar starter: of a flow that does not log in.
    :ivar app: of a flow that ends with a code.
    :ivar is_fresh: whether the person has to authenticate at the provider again.
    """

    digest: str
    provider: ProviderName
    intent: Intent
    binding: str
    return_to: str
    expires_at: datetime
    starter: Starter | None = None
    app: AppClient | None = None
    is_fresh: bool = False

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

    def is_good(self, code_verifier: str, now: datetime) -> bool:
        """Return whether the application with this verifier may exchange it."""
        is_same = compare_digest(self.code_challenge, code_challenge_of(code_verifier))
        return is_same and now < self.expires_at


def flow_id_at(now: datetime, random: bytes) -> FlowId:
    """Return the id of a flow that begins now.

    :param random: 8 bytes.
    """
    return FlowId(f"{int(now.timestamp()):08x}{random.hex()}")


def flow_id_of(state: str) -> FlowId | None:
    """Return the id of the flow that a ``state`` belongs to; ``None`` if it can be none."""
    flow_id = state.partition(".")[0]
    return FlowId(flow_id) if _FLOW_ID.fullmatch(flow_id) else None


def code_verifier_of(secret: str) -> str:
    """Return the PKCE verifier of a flow (RFC 7636), derived from the secret of its cookie."""
    return _derived(secret, b"pkce")


def nonce_of(secret: str) -> str:
    """Return the nonce of a flow, derived from the secret of its cookie."""
    return _derived(secret, b"nonce")


def code_challenge_of(code_verifier: str) -> str:
    """Return the challenge of a verifier by the method ``S256`` (RFC 7636, section 4.2)."""
    return base64url(sha256(code_verifier.encode(errors="replace")).digest())


def _derived(secret: str, purpose: bytes) -> str:
    return base64url(digest(secret.encode(errors="replace"), purpose, "sha256"))


def base64url(octets: bytes) -> str:
    """Return octets as text (RFC 4648, section 5), without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def digest_of(secret: str) -> str:
    """Return the SHA-256 digest of a secret. It has 256 random bits: no salt is needed."""
    return sha256(secret.encode(errors="replace")).hexdigest()
