"""The algorithms that sign tokens. The one place where another one is added.

The algorithm is a property of the key. The algorithm that a token names is never read: a key
signs exactly one header (:mod:`infrastructure.signing.jwt_signer`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from infrastructure.signing import base64url

SMALLEST_KEY = 2048
GENERATED_KEY = 3072
PUBLIC_EXPONENT = 65537

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


class UnfitKey(ValueError):
    """A key that must not sign. The message says why, without secrets."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """
    :ivar name: the ``alg`` of headers and JWKs.
    :ivar signature: signs and verifies.
    :ivar private: the class of its private keys.
    :ivar generate: generates a private key.
    :ivar check: raises :class:`UnfitKey` for a public key that is too weak.
    :ivar members: the required members of the JWK, in the order of RFC 7638.
    """

    name: str
    signature: Any
    private: type[PrivateKey]
    generate: Callable[[], PrivateKey]
    check: Callable[[Any], None]
    members: Callable[[Any], dict[str, str]]


def _generate_rsa() -> RSAPrivateKey:
    return generate_private_key(PUBLIC_EXPONENT, GENERATED_KEY)


def _check_rsa(key: RSAPublicKey) -> None:
    if key.key_size < SMALLEST_KEY:
        raise UnfitKey(f"has {key.key_size} bits; at least {SMALLEST_KEY} are needed")
    if key.public_numbers().e != PUBLIC_EXPONENT:
        raise UnfitKey(f"has an unusual public exponent; only {PUBLIC_EXPONENT} is accepted")


def _rsa_members(key: RSAPublicKey) -> dict[str, str]:
    """RFC 7518, section 6.3.1."""
    numbers = key.public_numbers()
    return {"e": _base64url_uint(numbers.e), "kty": "RSA", "n": _base64url_uint(numbers.n)}


def _ed25519_members(key: Ed25519PublicKey) -> dict[str, str]:
    """RFC 8037, section 2."""
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}


def _base64url_uint(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(octets: bytes) -> str:
    return base64url.encode(octets).decode()


RS256 = Algorithm(
    "RS256",
    RSAAlgorithm(RSAAlgorithm.SHA256),
    RSAPrivateKey,
    _generate_rsa,
    _check_rsa,
    _rsa_members,
)
"""RFC 7518, section 3.3."""

PS256 = replace(RS256, name="PS256", signature=RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256))
"""RFC 7518, section 3.5. Its signatures are salted: no two are equal."""

EDDSA = Algorithm(
    "EdDSA",
    OKPAlgorithm(),
    Ed25519PrivateKey,
    Ed25519PrivateKey.generate,
    lambda _: None,  # no Ed25519 key is weak
    _ed25519_members,
)
"""RFC 8037, with Ed25519."""

ALGORITHMS: Mapping[str, Algorithm] = {each.name: each for each in (RS256, PS256, EDDSA)}


def usual_algorithm(key: object) -> Algorithm:
    """Return the default algorithm for the class of a key.

    :raises UnfitKey: there is none.
    """
    for algorithm in ALGORITHMS.values():
        if isinstance(key, algorithm.private):
            return algorithm
    raise UnfitKey("is neither an RSA key nor an Ed25519 key")
