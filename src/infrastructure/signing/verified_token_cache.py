"""Remembers which tokens have a good signature."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from application.ports import Clock, TokenSigner
from domain.token import TokenClaims, TokenKind


class VerifiedTokenCache(TokenSigner):
    """Remembers which signatures are good. Whether the session is alive it never says.

    :param most: how many tokens are remembered; those that came first go first.
    :param is_live: whether the keys are known to be good still. If not, nothing is remembered.
    """

    def __init__(
        self,
        signer: TokenSigner,
        most: int,
        clock: Clock,
        is_live: Callable[[], bool] = lambda: True,
    ) -> None:
        self._signer = signer
        self._most = most
        self._clock = clock
        self._is_live = is_live
        self._verified: dict[bytes, TokenClaims] = {}

    def forget(self) -> None:
        """All of it: there are other keys now."""
        self._verified.clear()

    def sign(self, claims: TokenClaims) -> str:
        token = self._signer.sign(claims)
        if self._signer.accepts(claims):
            self._remember(_digest(token), claims)
        return token

    def accepts(self, claims: TokenClaims) -> bool:
        return self._signer.accepts(claims)

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

    def check(self) -> None:
        self._signer.check()

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return self._signer.public_keys()

    def _remember(self, digest: bytes, claims: TokenClaims) -> None:
        if not claims.is_current(self._clock()):
            return
        if len(self._verified) >= self._most:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = claims


def _digest(token: str) -> bytes:
    """Of the whole token: nothing but its very characters gives it. And a digest, so that no token
    that can be used lies in memory for long.
    """
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
