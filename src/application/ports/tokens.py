"""Signed tokens."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.token import TokenClaims, TokenKind


class TokenSigner(Protocol):
    """Encodes claims as signed tokens, and decodes them. The domain decides about expiry."""

    @abstractmethod
    def sign(self, claims: TokenClaims) -> str:
        """Return the token.

        The same claims give the same token, byte for byte if the algorithm is deterministic, until
        the key of that time is revoked.

        :raises Unavailable: the loaded keys are too old to be trusted.
        """

    @abstractmethod
    async def sign_together(self, *claims: TokenClaims) -> Sequence[str]:
        """Return the tokens of these claims, as :meth:`sign` does.

        Others are served meanwhile: a signature takes as long as many requests.

        :raises Unavailable: as :meth:`sign`.
        """

    @abstractmethod
    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        """Return the claims of a token of this kind.

        :raises TokenRejected: the text is not exactly a token that :meth:`sign` makes for this
            kind, or its key is not on the ring.
        :raises Unavailable: the loaded keys are too old to be trusted.
        """

    @abstractmethod
    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """Return the public keys of access tokens as JWKs (RFC 7517), the one that signs first.

        They may be as old as verifiers may cache them.

        :raises Unavailable: they are older than that.
        """
