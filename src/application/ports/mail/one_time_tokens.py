"""The one-time tokens in mails."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.email import Email
from domain.mail.one_time_token import OneTimeToken, Purpose
from domain.user import UserId


class OneTimeTokenStore(Protocol):
    """Tokens by the digests of their secrets. A change that uses one names it in its effects
    (:attr:`Effects.spent`).
    """

    @abstractmethod
    async def issue(
        self, token: OneTimeToken, effects: Effects = NO_EFFECTS
    ) -> Stored[OneTimeToken]:
        """Store a new token, unless one with its id is stored, whether usable or not.

        In the same step the tokens of its user and purpose beyond the newest ``LIVE_TOKENS`` are
        marked as used, if they are limited, and the new one is stored as
        :meth:`~domain.mail.one_time_token.OneTimeToken.issued_beside` the others.

        :returns: the token with this id as stored now. Its effects are stored if it is new.
        """

    @abstractmethod
    async def by_digest(self, digest: str) -> OneTimeToken | None:
        """Return the token with this digest as stored now."""

    @abstractmethod
    async def unused(self, email: Email, purpose: Purpose) -> Sequence[OneTimeToken]:
        """Return the tokens for an address that are not used, of any user, expired or not."""

    @abstractmethod
    async def forget(self, user_id: UserId) -> None:
        """Delete all tokens of a user who is deleted: they hold addresses."""

    @abstractmethod
    async def purge(self, before: datetime, limit: int) -> int:
        """Delete tokens that expired before this time.

        :returns: how many were deleted; fewer than the limit if none is left.
        """


class OneTimeSecrets(Protocol):
    """Derives the secrets of tokens from a secret outside the database."""

    @abstractmethod
    def derive(self, token_id: str, purpose: Purpose) -> Sequence[str]:
        """Return the secrets of a token: 256 bits each, in base64url, 43 characters.

        The same arguments give the same secrets as long as the configured secret lasts.

        :returns: the one under the present secret first, then those under earlier ones.
        """
