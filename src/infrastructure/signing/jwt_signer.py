"""Signed tokens (RFC 7515, 7519, 9068), by default with RS256: the key decides the algorithm.

Only this service signs these tokens, so there is exactly one way to write each of them, and
:meth:`JwtSigner.verify` accepts nothing else. It checks, cheap and safe steps first:

1. size and characters;
2. the header segment is compared, undecoded, with the headers that this service writes. One of
   them names the algorithm, the type and the key at once, so no foreign ``alg``, ``kid``,
   ``jku``, ``jwk``, ``crit`` … is ever parsed, let alone used (RFC 8725, section 3);
3. the signature, by that header's key;
4. the claims, strictly typed. Encoded again they must give the same segment, which excludes
   duplicate members, other number forms, padding and white space.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec

from application.ports import TokenSigner
from domain.errors import TokenRejected
from domain.key_ring import KeyId
from domain.session import SessionId, TokenId
from domain.token import TokenClaims, TokenKind
from domain.user import UserId
from infrastructure.signing.algorithms import Algorithm
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys
from infrastructure.signing.signing_key import SigningKey

LONGEST_TOKEN = 4096
"""In bytes. A token has about 900."""

_TYPES = {TokenKind.ACCESS: "at+jwt", TokenKind.REFRESH: "rt+jwt"}
_ID = re.compile(r"[0-9a-f]{32}")
_NumericDate = Annotated[int, msgspec.Meta(ge=0, le=253402300799)]
"""Until the end of the year 9999, where Python's dates end."""


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them are required (RFC 9068, section 2.2)."""

    iss: str
    aud: str
    sub: str
    client_id: str
    sid: str
    jti: str
    iat: _NumericDate
    nbf: _NumericDate
    exp: _NumericDate


@dataclass(frozen=True, slots=True)
class Audiences:
    """The issuer and the audiences of the tokens.

    :ivar issuer: the ``iss`` of all tokens.
    :ivar access: the ``aud`` of access tokens: the services that accept them.
    :ivar refresh: the ``aud`` of refresh tokens: this service alone.
    """

    issuer: str
    access: str
    refresh: str

    def of(self, kind: TokenKind) -> str:
        return self.access if kind is TokenKind.ACCESS else self.refresh


class JwtSigner(TokenSigner):
    """
    :param keys: each signs one kind of token only.
    :param longest_lifetime: a token with a longer lifetime is rejected.
    """

    CLIENT_ID = "doorward"
    """The client that the token was issued to (RFC 9068): the login of this service."""

    def __init__(
        self, keys: KeyRingWatcher, audiences: Audiences, longest_lifetime: timedelta
    ) -> None:
        self._live = keys
        self._audiences = audiences
        self._longest_lifetime = int(longest_lifetime.total_seconds())
        self._keys = LoadedKeys()
        self._headers: Mapping[KeyId, bytes] = {}
        self._verifying: Mapping[TokenKind, Mapping[bytes, tuple[Algorithm, Any]]] = {}
        self._decoder = msgspec.json.Decoder(_Claims)
        self._encoder = msgspec.json.Encoder()
        keys.follow(self._learn)

    def sign(self, claims: TokenClaims) -> str:
        self._live.check()
        issued_at = datetime.fromtimestamp(claims.issued_at, UTC)
        key = self._keys.ring.signing(claims.kind, issued_at)
        payload = _encode(self._encoder.encode(self._written(claims)))
        message = b"%b.%b" % (self._headers[key.id], payload)
        pair = self._keys.pairs[key.id]
        signature = pair.algorithm.signature.sign(message, pair.private)
        return (message + b"." + _encode(signature)).decode("ascii")

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
            b"%b.%b" % (header, payload), public, _decode(signature)
        ):
            raise TokenRejected
        written = _decode(payload)
        claims = self._read(self._decoder.decode(written), kind)
        if self._encoder.encode(self._written(claims)) != written:
            raise TokenRejected
        return claims

    def _written(self, claims: TokenClaims) -> _Claims:
        return _Claims(
            iss=self._audiences.issuer,
            aud=self._audiences.of(claims.kind),
            sub=str(claims.user_id),
            client_id=self.CLIENT_ID,
            sid=claims.session_id,
            jti=claims.token_id,
            iat=claims.issued_at,
            nbf=claims.issued_at,
            exp=claims.expires_at,
        )

    def _read(self, written: _Claims, kind: TokenKind) -> TokenClaims:
        if not (_ID.fullmatch(written.sid) and _ID.fullmatch(written.jti)):
            raise TokenRejected
        claims = TokenClaims(
            kind=kind,
            user_id=UserId(UUID(written.sub)),
            session_id=SessionId(written.sid),
            token_id=TokenId(written.jti),
            issued_at=written.iat,
            expires_at=written.exp,
        )
        if not self.accepts(claims):
            raise TokenRejected
        return claims


def _header(kind: TokenKind, pair: SigningKey) -> bytes:
    members = {"alg": pair.algorithm.name, "kid": pair.kid, "typ": _TYPES[kind]}
    return _encode(msgspec.json.encode(members))


def _encode(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    """:raises ValueError: the segment is not canonical base64url."""
    octets = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if _encode(octets) != segment:
        raise ValueError("not canonical base64url")
    return octets
