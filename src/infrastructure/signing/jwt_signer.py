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
import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from application.ports import TokenSigner
from domain.authentication import Level, Method, level_of, references_of
from domain.errors import TokenRejected
from domain.key_ring import KeyId
from domain.permissions import Role
from domain.session import SessionId, TokenId
from domain.token import AuthenticationClaims, TokenClaims, TokenKind
from domain.user import UserId
from infrastructure.signing.algorithms import Algorithm
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.key_store import LoadedKeys
from infrastructure.signing.signing_key import SigningKey

LONGEST_TOKEN = 4096
"""In bytes. A token has about 1000."""

_TYPES = {TokenKind.ACCESS: "at+jwt", TokenKind.REFRESH: "rt+jwt"}
_ID = re.compile(r"[0-9a-f]{32}")
_CLOCK_SKEW = 5
"""How many seconds the clock of another service may be behind, if it has no leeway of its own."""
_END_OF_TIME = 253402300799
"""The end of the year 9999, where Python's dates end."""
_THREADS = 2
"""For signatures: a login and a refresh make two."""
_NumericDate = Annotated[int, msgspec.Meta(ge=0, le=_END_OF_TIME)]


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a token. All are required (RFC 9068, section 2.2), except those that describe
    the user. Only access tokens have these: the roles (section 2.2.3.1), ``email_verified`` of
    OpenID Connect, and how the user has authenticated (section 2.2.1).
    """

    iss: str
    aud: str
    sub: str
    client_id: str
    sid: str
    jti: str
    iat: _NumericDate
    nbf: _NumericDate
    exp: _NumericDate
    roles: tuple[Role] | msgspec.UnsetType = msgspec.UNSET
    email_verified: bool | msgspec.UnsetType = msgspec.UNSET
    auth_time: _NumericDate | msgspec.UnsetType = msgspec.UNSET
    acr: Literal["1", "2"] | msgspec.UnsetType = msgspec.UNSET
    amr: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Audiences:
    """The issuer and the audiences of the tokens.

    :ivar issuer: the ``iss`` of all tokens.
    :ivar access: the ``aud`` of access tokens: the services that accept them.
    :ivar refresh: the ``aud`` of refresh tokens: this service alone.
    :ivar enrolment: the ``aud`` of access tokens of sessions that are good for the enrolment of a
        second factor alone: likewise.
    """

    issuer: str
    access: str
    refresh: str
    enrolment: str

    @classmethod
    def under(cls, issuer: str, access: str | None = None) -> "Audiences":
        """Return the audiences of an issuer.

        :param access: the services that accept access tokens, if the issuer does not name them.
        """
        return cls(
            issuer,
            access or issuer,
            refresh=f"{issuer}/api/auth/refresh",
            enrolment=f"{issuer}/api/users/me/second-factors",
        )

    def of(self, claims: TokenClaims) -> str:
        """Return the audience of a token with these claims."""
        if claims.kind is TokenKind.REFRESH:
            return self.refresh
        return self.enrolment if claims.is_restricted else self.access

    def all_of(self, kind: TokenKind) -> Mapping[str, bool]:
        """Return the audiences of a kind, and whether their tokens are restricted."""
        if kind is TokenKind.REFRESH:
            return {self.refresh: False}
        return {self.enrolment: True, self.access: False}


@dataclass(frozen=True, slots=True)
class FormerIssuer:
    """An issuer that this service was, whose tokens it still accepts.

    :ivar until: when they expire at the latest.
    """

    audiences: Audiences
    until: datetime


class JwtSigner(TokenSigner):
    """
    :param keys: each signs one kind of token only.
    :param longest_lifetime: a token with a longer lifetime is rejected.
    :param former: issuers whose tokens are accepted, too.
    """

    CLIENT_ID = "doorward"
    """The client that the token was issued to (RFC 9068): the login of this service."""

    def __init__(
        self,
        keys: KeyRingWatcher,
        audiences: Audiences,
        longest_lifetime: timedelta,
        former: Sequence[FormerIssuer] = (),
    ) -> None:
        self._live = keys
        self._audiences = audiences
        self._accepted = _accepted(audiences, former)
        self._longest_lifetime = int(longest_lifetime.total_seconds())
        self._keys = LoadedKeys()
        self._headers: Mapping[KeyId, bytes] = {}
        self._verifying: Mapping[TokenKind, Mapping[bytes, tuple[Algorithm, Any]]] = {}
        self._decoder = msgspec.json.Decoder(_Claims)
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
        payload = _encode(self._encoder.encode(self._written(claims)))
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
            b"%b.%b" % (header, payload), public, _decode(signature)
        ):
            raise TokenRejected
        segment = _decode(payload)
        written = self._decoder.decode(segment)
        if self._encoder.encode(written) != segment:
            raise TokenRejected
        return self._read(written, kind)

    def _written(self, claims: TokenClaims) -> _Claims:
        shown = claims.authentication
        return _Claims(
            iss=self._audiences.issuer,
            aud=self._audiences.of(claims),
            sub=str(claims.user_id),
            client_id=self.CLIENT_ID,
            sid=claims.session_id,
            jti=claims.token_id,
            iat=claims.issued_at,
            nbf=_not_before(claims.issued_at, claims.kind),
            exp=claims.expires_at,
            roles=msgspec.UNSET if claims.role is None else (claims.role,),
            email_verified=(
                msgspec.UNSET if claims.email_verified is None else claims.email_verified
            ),
            auth_time=shown.at if shown else msgspec.UNSET,
            acr=_ACR[shown.level] if shown else msgspec.UNSET,
            amr=shown.references if shown else msgspec.UNSET,
        )

    def _read(self, written: _Claims, kind: TokenKind) -> TokenClaims:
        if not (_ID.fullmatch(written.sid) and _ID.fullmatch(written.jti)):
            raise TokenRejected
        user_id = UUID(written.sub)
        accepted = self._accepted[kind].get((written.iss, written.aud))
        if accepted is None or str(user_id) != written.sub or written.client_id != self.CLIENT_ID:
            raise TokenRejected
        # Release 0.1 wrote nbf = iat and no roles. None before 0.3 wrote email_verified, nor how
        # the user has authenticated.
        if written.nbf not in {written.iat, _not_before(written.iat, kind)}:
            raise TokenRejected
        role = None if isinstance(written.roles, msgspec.UnsetType) else written.roles[0]
        verified = (
            None
            if isinstance(written.email_verified, msgspec.UnsetType)
            else written.email_verified
        )
        if role is not None and kind is not TokenKind.ACCESS:
            raise TokenRejected
        if verified is not None and role is None:
            raise TokenRejected
        authentication = _authentication(written)
        if authentication is not None and verified is None:
            raise TokenRejected
        claims = TokenClaims(
            kind=kind,
            user_id=UserId(user_id),
            session_id=SessionId(written.sid),
            token_id=TokenId(written.jti),
            issued_at=written.iat,
            expires_at=min(written.exp, accepted.latest_expiry),
            role=role,
            email_verified=verified,
            authentication=authentication,
            is_restricted=accepted.is_restricted,
        )
        if not self.accepts(claims) or written.exp - written.iat > self._longest_lifetime:
            raise TokenRejected
        return claims


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What a pair of issuer and audience means.

    :ivar latest_expiry: when its tokens expire at the latest, in seconds since 1970.
    """

    latest_expiry: int
    is_restricted: bool


def _accepted(
    audiences: Audiences, former: Sequence[FormerIssuer]
) -> Mapping[TokenKind, Mapping[tuple[str, str], _Accepted]]:
    """Return the accepted pairs of issuer and audience."""
    issuers = [(each.audiences, int(each.until.timestamp())) for each in former]
    issuers.append((audiences, _END_OF_TIME))
    return {
        kind: {
            (each.issuer, audience): _Accepted(latest, is_restricted)
            for each, latest in issuers
            for audience, is_restricted in each.all_of(kind).items()
        }
        for kind in TokenKind
    }


def _every_authentication() -> Iterable[tuple[tuple[str, ...], Level]]:
    for count in range(1, len(Method) + 1):
        for methods in combinations(Method, count):
            yield references_of(methods), level_of(methods)


_AUTHENTICATIONS = frozenset(_every_authentication())
"""The pairs of ``amr`` and level that this service writes."""
_ACR: Mapping[Level, Literal["1", "2"]] = {Level.ONE: "1", Level.TWO: "2"}


def _authentication(written: _Claims) -> AuthenticationClaims | None:
    """
    :raises TokenRejected: only some of the claims are there, or they contradict each other.
    """
    at, acr, references = written.auth_time, written.acr, written.amr
    if at is acr is references is msgspec.UNSET:
        return None
    if (
        isinstance(at, msgspec.UnsetType)
        or isinstance(acr, msgspec.UnsetType)
        or isinstance(references, msgspec.UnsetType)
    ):
        raise TokenRejected
    level = Level(int(acr))
    if (references, level) not in _AUTHENTICATIONS:
        raise TokenRejected
    return AuthenticationClaims(references, level, at)


def _not_before(issued_at: int, kind: TokenKind) -> int:
    """Return the ``nbf``. Other services read that of access tokens, and their clocks may be slow.

    :param issued_at: in seconds since 1970.
    """
    return max(0, issued_at - _CLOCK_SKEW) if kind is TokenKind.ACCESS else issued_at


def _header(kind: TokenKind, pair: SigningKey) -> bytes:
    members = {"alg": pair.algorithm.name, "kid": pair.kid, "typ": _TYPES[kind]}
    return _encode(msgspec.json.encode(members))


def _signed(message: bytes, pair: SigningKey) -> str:
    signature = pair.algorithm.signature.sign(message, pair.private)
    return (message + b"." + _encode(signature)).decode("ascii")


def _encode(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    """:raises ValueError: the segment is not canonical base64url."""
    octets = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if _encode(octets) != segment:
        raise ValueError("not canonical base64url")
    return octets
