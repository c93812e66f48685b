"""Signed tokens."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.token import TokenClaims, TokenKind


class TokenSigner(Protocol):
    """Turns claims into signed tokens and back. It knows no clock: expiry is the domain's."""

    @abstractmethod
    def sign(self, claims: TokenClaims) -> str:
        """The token. The same claims give the same token, to the byte where the algorithm allows
        it, and as long as the key that signs for that time is not revoked.

        :raises Unavailable: it cannot be told whether the keys are still good.
        """

    @abstractmethod
    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        """What a genuine token of this kind says.

        :raises TokenRejected: it is not exactly a token that :meth:`sign` makes for this kind, or
            its key is not on the ring (any more).
        :raises Unavailable: it cannot be told whether the keys are still good.
        """

    @abstractmethod
    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """What others need to verify access tokens: public keys as JWKs (RFC 7517). The one that
        signs comes first. They may be as old as others may keep them.

        :raises Unavailable: they are older than that.
        """
