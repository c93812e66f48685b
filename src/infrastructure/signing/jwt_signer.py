"""Signed tokens (RFC 7515, 7519, 9068), by default with RS256: the key decides the algorithm.

Only this service signs these tokens, so there is exactly one way to write each of them, and
:meth:`JwtSigner.verify` accepts nothing else. It checks, cheap and safe steps first:

1. size and characters;
2. the header segment is compared, undecoded, with the headers that this service writes. One of
   them names the algorithm, the type and the key at once, so no foreign ``alg``, ``kid``,
   ``jku``, ``jwk``, ``crit`` … is ever parsed, let alone used (RFC 8725, section 3);
3. the signature, by that header's key;
4. the claims, strictly typed. Encoded again they must give the same segment, which excludes
   duplicate members, other number forms, padding and white space. Each is what this service
   writes, or what the previous release wrote.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from application.ports import TokenSigner
from domain.errors import TokenRejected
from domain.key_ring import KeyId
from domain.token import TokenClaims, TokenKind
from infrastructure.signing import base64url
from infrastructure.signing.algorithms import Algorithm
from infrastructure.signing.audiences import Audiences, FormerIssuer, accepted_audiences
from infrastructure.signing.claims import Claims, read_claims, written_claims
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys
from infrastructure.signing.signing_key import SigningKey

LONGEST_TOKEN = 4096
"""In bytes. A token has about 1000."""
_TYPES = {TokenKind.ACCESS: "at+jwt", TokenKind.REFRESH: "rt+jwt"}
_THREADS = 2
"""For signatures: a login and a refresh make two."""


class JwtSigner(TokenSigner):
    """
    :param keys: each signs one kind of token only.
    :param longest_lifetime: a token with a longer lifetime is rejected.
    :param former: issuers whose tokens are accepted, too.
    """

    def __init__(
        self,
        keys: KeyRingWatcher,
        audiences: Audiences,
        longest_lifetime: timedelta,
        former: Sequence[FormerIssuer] = (),
    ) -> None:
        self._live = keys
        self._audiences = audiences
        self._accepted = accepted_audiences(audiences, former)
        self._longest_lifetime = int(longest_lifetime.total_seconds())
        self._keys = LoadedKeys()
        self._headers: Mapping[KeyId, bytes] = {}
        self._verifying: Mapping[TokenKind, Mapping[bytes, tuple[Algorithm, Any]]] = {}
        self._decoder = msgspec.json.Decoder(Claims)
        self._encoder = msgspec.json.Encoder()
        # A signature releases the interpreter's lock. More threads would share the processors.
        self._threads = ThreadPoolExecutor(_THREADS, "signing")
        keys.follow(self._learn)

    def sign(self, claims: TokenClaims) -> str:
        return _signed(*self._unsigned(claims))

    async def sign_together(self, *claims: TokenClaims) -> Sequence[str]:
        unsigned = [self._unsigned(each) for each in claims]
        return await asyncio.gather(*(self._signed_aside(*each) for each in unsigned))

    async def _signed_aside(self, message: bytes, pair: SigningKey) -> str:
        """Sign on a thread of its own, where that takes longer than to hand it over."""
        if not pair.is_slow:
            return _signed(message, pair)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _signed, message, pair)

    def _unsigned(self, claims: TokenClaims) -> tuple[bytes, SigningKey]:
        """
        :returns: the signing input (RFC 7515, section 5.1), and the key that signs it.
        :raises Unavailable: the loaded keys are too old to be trusted.
        """
        self._live.check()
        issued_at = datetime.fromtimestamp(claims.issued_at, UTC)
        key = self._keys.ring.signing(claims.kind, issued_at)
        payload = base64url.encode(self._encoder.encode(written_claims(claims, self._audiences)))
        return b"%b.%b" % (self._headers[key.id], payload), self._keys.pairs[key.id]

    def verify(self, token: str, kind: TokenKind) -> TokenClaims:
        self._live.check()
        try:
            return self._verify(token, kind)
        except (ValueError, msgspec.MsgspecError):
            raise TokenRejected from None

    def accepts(self, claims: TokenClaims) -> bool:
        """Whether :meth:`verify` accepts a token that :meth:`sign` makes of these claims."""
        return 0 < claims.lifetime <= self._longest_lifetime

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return self._live.published()

    def _learn(self, keys: LoadedKeys) -> None:
        self._keys = keys
        self._headers = {key.id: _header(key.kind, keys.pairs[key.id]) for key in keys.ring.keys}
        self._verifying = {
            kind: {
                self._headers[key.id]: (keys.pairs[key.id].algorithm, keys.pairs[key.id].public)
                for key in keys.ring.of(kind)
            }
            for kind in TokenKind
        }

    def _verify(self, token: str, kind: TokenKind) -> TokenClaims:
        if len(token) > LONGEST_TOKEN:
            raise TokenRejected
        header, payload, signature = token.encode("ascii").split(b".")
        algorithm, public = self._verifying[kind].get(header, (None, None))
        if algorithm is None or not algorithm.signature.verify(
            b"%b.%b" % (header, payload), public, base64url.decode(signature)
        ):
            raise TokenRejected
        segment = base64url.decode(payload)
        written = self._decoder.decode(segment)
        if self._encoder.encode(written) != segment:
            raise TokenRejected
        claims = read_claims(written, kind, self._accepted[kind])
        if not self.accepts(claims) or written.exp - written.iat > self._longest_lifetime:
            raise TokenRejected
        return claims


def _header(kind: TokenKind, pair: SigningKey) -> bytes:
    members = {"alg": pair.algorithm.name, "kid": pair.kid, "typ": _TYPES[kind]}
    return base64url.encode(msgspec.json.encode(members))


def _signed(message: bytes, pair: SigningKey) -> str:
    signature = pair.algorithm.signature.sign(message, pair.private)
    return (message + b"." + base64url.encode(signature)).decode("ascii")
