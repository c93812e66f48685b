"""The second factors of users, and the secrets that protect them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from application.ports.effects import NO_EFFECTS, Effects, Stored
from domain.second_factors.factors import SecondFactors
from domain.user import UserId


class SecondFactorStore(Protocol):
    """The second factors by user. A user without any has the empty ones."""

    @abstractmethod
    async def of_user(self, user_id: UserId) -> SecondFactors:
        """Return the factors as stored now."""

    @abstractmethod
    async def replace(
        self, old: SecondFactors, new: SecondFactors, effects: Effects = NO_EFFECTS
    ) -> Stored[bool]:
        """Store ``new`` if exactly ``old`` is stored: compare-and-swap. Both have the same user.

        Of any number of parallel replacements a single one wins.

        :raises SecondFactorsOff: there is no place for them.
        """

    @abstractmethod
    async def forget(self, user_id: UserId) -> None:
        """Delete all factors of a user. Deleting twice is no error."""

    @abstractmethod
    async def page(self, after: UserId | None, limit: int) -> Sequence[SecondFactors]:
        """Return the stored factors of users in the order of their ids, from the one after."""


class FactorSecrets(Protocol):
    """Protects what the store of second factors holds, with secrets outside the database."""

    @abstractmethod
    def is_available(self) -> bool:
        """Whether there is such a secret. Without one, nothing below can be used."""

    @abstractmethod
    def seal(self, user_id: UserId, secret: bytes) -> str:
        """Encrypt the secret of an authenticator app. Only for this user it can be opened."""

    @abstractmethod
    def open(self, user_id: UserId, sealed: str) -> bytes | None:
        """Decrypt; ``None`` of another user's, or when its secret is not configured any more."""

    @abstractmethod
    def is_outdated(self, user_id: UserId, sealed: str) -> bool:
        """Whether it is not sealed with the present secret."""

    @abstractmethod
    def code_digests(self, user_id: UserId, code: str) -> Sequence[str]:
        """Return keyed digests of a recovery code, 64 hexadecimal digits each.

        :param code: from :func:`~domain.second_factors.recovery_codes.canonical`.
        :returns: the one under the present secret first, then those under earlier ones.
        """
