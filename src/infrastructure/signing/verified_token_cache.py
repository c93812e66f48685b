"""Remembers which tokens have a good signature, so that most requests verify none."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from typing_extensions import override

from application.ports import CachedTokens, Clock, TokenSigner
from domain.token import TokenClaims, TokenKind
from infrastructure.signing.jwt_signer import JwtSigner


class VerifiedTokenCache(TokenSigner, CachedTokens):
    """Remembers which signatures are good. It says nothing about the session.

    :param max_tokens: of more tokens, the first ones are forgotten.
    :param is_live: whether the keys are known to be good still. If not, nothing is cached.
    """

    def __init__(
        self,
        signer: JwtSigner,
        max_tokens: int,
        clock: Clock,
        is_live: Callable[[], bool] = lambda: True,
    ) -> None:
        self._signer = signer
        self._max_tokens = max_tokens
        self._clock = clock
        self._is_live = is_live
        self._verified: dict[bytes, TokenClaims] = {}

    def clear(self) -> None:
        """Forget all tokens: the keys have changed."""
        self._verified = {}

    def sign(self, claims: TokenClaims) -> str:
        return self._signed(self._signer.sign(claims), claims)

    async def sign_together(self, *claims: TokenClaims) -> Sequence[str]:
        verified = self._verified
        tokens = await self._signer.sign_together(*claims)
        if verified is not self._verified:  # the keys have changed meanwhile
            return tokens
        return [self._signed(token, each) for token, each in zip(tokens, claims, strict=True)]

    def _signed(self, token: str, claims: TokenClaims) -> str:
        if self._signer.accepts(claims):
            self._remember(_digest(token), claims)
        return token

    def cached(self, token: str, kind: TokenKind) -> TokenClaims | None:
        digest = _digest(token)
        claims = self._verified.get(digest)
        if claims is None or claims.kind is not kind or not self._is_live():
            return None
        if claims.is_current(self._clock()):
            return claims
        del self._verified[digest]
        return None

    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        claims = self.cached(token, kind)
        if claims is None:
            claims = self._signer.verify(token, kind)
            self._remember(_digest(token), claims)
        return claims

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return self._signer.public_keys()

    def _remember(self, digest: bytes, claims: TokenClaims) -> None:
        if not claims.is_current(self._clock()):
            return
        if len(self._verified) >= self._max_tokens:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = claims


class UncachedTokens(CachedTokens):
    """The caching port where caching is off."""

    @override
    def cached(self, token: str, kind: TokenKind) -> TokenClaims | None:
        return None


def _digest(token: str) -> bytes:
    """Hash the whole token, so that only its exact characters are found, and no usable token stays
    in memory.
    """
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
