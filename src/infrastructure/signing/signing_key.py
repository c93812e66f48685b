"""A key pair that signs tokens: read, checked and named."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from domain.key_ring import KeyId
from infrastructure.signing import base64url
from infrastructure.signing.algorithms import (
    RS256,
    SMALLEST_KEY,
    Algorithm,
    UnfitKey,
    usual_algorithm,
)
from infrastructure.signing.sample_keys import SAMPLE_KEYS


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair that may sign.

    :ivar kid: the JWK thumbprint of the public key (RFC 7638, SHA-256).
    """

    private: Any = field(repr=False)  # the algorithm knows of which class
    kid: KeyId
    algorithm: Algorithm = field(repr=False)

    @classmethod
    def generate(cls, algorithm: Algorithm = RS256) -> Self:
        return cls._of(algorithm.generate(), algorithm)

    @classmethod
    def from_pem(
        cls,
        private_pem: bytes,
        public_pem: bytes | None = None,
        algorithm: Algorithm | None = None,
        *,
        is_checked: bool = False,
    ) -> Self:
        """
        :param private_pem: PKCS#1 or PKCS#8, not encrypted.
        :param public_pem: PKCS#1 or SubjectPublicKeyInfo; it must be the private key's.
        :param algorithm: the default one for such a key unless given.
        :param is_checked: whether this service has made or checked the key before. To check that
            the numbers of an RSA key belong together takes a tenth of a second.
        :raises UnfitKey: unreadable, of an unsupported kind, below 2048 bits, with an exponent
            other than 65537, not a pair, or a sample key (its private part is public).
        """
        private = _read_private(private_pem, is_checked=is_checked)
        usual = usual_algorithm(private)
        chosen = algorithm or usual
        if chosen.private is not usual.private:
            raise UnfitKey(f"is not a key for {chosen.name}")
        key = cls._of(private, chosen)
        if public_pem is not None and _read_public(public_pem) != key.public:
            raise UnfitKey("does not belong to the private key")
        return key

    @classmethod
    def _of(cls, private: Any, algorithm: Algorithm) -> Self:
        public = private.public_key()
        algorithm.check(public)
        kid = thumbprint(algorithm.members(public))
        if kid in SAMPLE_KEYS:
            raise UnfitKey(
                "is a published sample key: any attacker could sign tokens with it. "
                "`doorward keys generate` prints new ones"
            )
        return cls(private, kid, algorithm)

    def signing_with(self, algorithm: Algorithm) -> Self:
        """Return the same key with this algorithm, if the algorithm is for such keys."""
        fits = algorithm.private is self.algorithm.private
        return replace(self, algorithm=algorithm) if fits else self

    @property
    def is_slow(self) -> bool:
        """Whether a signature takes longer than to hand it to a thread and back, several times."""
        return int(getattr(self.private, "key_size", 0)) > SMALLEST_KEY

    @property
    def public(self) -> Any:
        return self.private.public_key()

    def jwk(self) -> dict[str, str]:
        """Return the public key (RFC 7517)."""
        members = self.algorithm.members(self.public)
        return members | {"use": "sig", "alg": self.algorithm.name, "kid": self.kid}

    def private_pem(self) -> bytes:
        octets: bytes = self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return octets

    def public_pem(self) -> bytes:
        octets: bytes = self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return octets


_checked: set[bytes] = set()
"""The digests of the texts of private keys that this process has checked."""


def _read_private(pem: bytes, *, is_checked: bool) -> object:
    digest = hashlib.sha256(pem).digest()
    try:
        private = serialization.load_pem_private_key(
            pem,
            password=None,
            unsafe_skip_rsa_key_validation=is_checked or digest in _checked,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnfitKey("is not a private key in PEM form without a password") from None
    _checked.add(digest)
    return private


def _read_public(pem: bytes) -> object:
    try:
        return serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise UnfitKey("is not a public key in PEM form") from None


def thumbprint(members: Mapping[str, str]) -> KeyId:
    """Return the thumbprint (RFC 7638, SHA-256) of the required members of a JWK, in order."""
    digest = hashlib.sha256(msgspec.json.encode(members)).digest()
    return KeyId(base64url.encode(digest).decode())


def key_in_text(private: str, public: str | None) -> SigningKey:
    """Read a key from environment variables: PEM texts in base64.

    :raises UnfitKey: see :meth:`SigningKey.from_pem`.
    """
    return SigningKey.from_pem(_pem(private), _pem(public) if public else None)


def _pem(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise UnfitKey("is not base64") from None
