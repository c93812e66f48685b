"""A forger's workshop: any header and any claims, written in any way, under any signature.

Each attack is wrong in a single respect. Where a signature is meant to be right it is made with
the real key, so that nothing but the check in question can refuse it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, HashAlgorithm

from domain.errors import TokenRejected
from domain.token import TokenKind
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from tests.support.builders import a_session, claims_of

Members = dict[str, Any]

STRING_CLAIMS = ("iss", "aud", "sub", "client_id", "sid", "jti")
TIME_CLAIMS = ("iat", "nbf", "exp")


def segment(octets: bytes) -> str:
    """Canonical base64url."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(members: Members) -> bytes:
    """Encode JSON as the signer does: the shortest form, in this order."""
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def flipped(text: str, position: int, bit: int) -> str:
    octets = bytearray(octets_of(text))
    octets[position] ^= 1 << bit
    return segment(bytes(octets))


def rs256(message: str, key: RSAPrivateKey, algorithm: HashAlgorithm | None = None) -> str:
    """The last segment. RS512 is PKCS#1 v1.5 too, with another algorithm."""
    signature = key.sign(message.encode(), padding.PKCS1v15(), algorithm or SHA256())
    return segment(signature)


def rs512(message: str, key: RSAPrivateKey) -> str:
    return rs256(message, key, SHA512())


def ps256(message: str, key: RSAPrivateKey) -> str:
    scheme = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    return segment(key.sign(message.encode(), scheme, SHA256()))


def hs256(message: str, secret: bytes) -> str:
    return segment(hmac.digest(secret, message.encode(), hashlib.sha256))


@dataclass
class Forger:
    """Has a genuine token, and even the keys: so each forgery is wrong in one respect only.

    :ivar key: the one that signs tokens of this kind.
    :ivar other: the one that signs tokens of the other kind.
    :ivar strange: the forger's own.
    """

    signer: JwtSigner
    key: SigningKey
    other: SigningKey
    strange: SigningKey
    kind: TokenKind = TokenKind.ACCESS
    genuine: str = ""
    segments: list[str] = field(default_factory=list)
    header: Members = field(default_factory=dict)
    claims: Members = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.genuine = self.signer.sign(claims_of(a_session(), self.kind))
        self.segments = self.genuine.split(".")
        self.header = json.loads(octets_of(self.segments[0]))
        self.claims = json.loads(octets_of(self.segments[1]))

    @property
    def payload(self) -> bytes:
        """The claims as they are written."""
        return octets_of(self.segments[1])

    def sign_segments(self, header: str, payload: str, key: SigningKey | None = None) -> str:
        message = f"{header}.{payload}"
        return f"{message}.{rs256(message, (key or self.key).private)}"

    def sign(
        self, header: bytes | None = None, payload: bytes | None = None, **options: SigningKey
    ) -> str:
        """Genuine but for the header or the payload, which are signed as given."""
        return self.sign_segments(
            self.segments[0] if header is None else segment(header),
            self.segments[1] if payload is None else segment(payload),
            options.get("key"),
        )

    def with_header(self, **members: Any) -> str:
        return self.sign(header=written(self.header | members))

    def with_claims(self, **members: Any) -> str:
        return self.sign(payload=written(self.claims | members))

    def without(self, claim: str) -> str:
        return self.sign(payload=written({k: v for k, v in self.claims.items() if k != claim}))

    def with_raw_claim(self, claim: str, value: str) -> str:
        """The value is JSON, or nearly."""
        before = json.dumps(self.claims[claim])
        return self.sign(
            payload=self.payload.replace(
                f'"{claim}":{before}'.encode(), f'"{claim}":{value}'.encode()
            )
        )

    def unsigned_header(self, **members: Any) -> str:
        """Header and payload, to be signed in another way."""
        return f"{segment(written(self.header | members))}.{self.segments[1]}"


Attack = Callable[[Forger], str]


def attacks(by_name: dict[str, Attack]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", by_name.values(), ids=by_name)


def assert_rejected(signer: JwtSigner, token: str, kind: TokenKind = TokenKind.ACCESS) -> None:
    """Check for exactly that error, without message, cause and context."""
    with pytest.raises(TokenRejected) as refused:
        signer.verify(token, kind)
    assert type(refused.value) is TokenRejected
    assert refused.value.args == ()
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
