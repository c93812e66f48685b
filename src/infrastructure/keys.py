"""RSA keys: made, read, checked, and kept in files of the embedded default."""

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)

from infrastructure.published_keys import PUBLISHED_KEYS

SMALLEST_KEY = 2048
GENERATED_KEY = 3072
PUBLIC_EXPONENT = 65537


class UnfitKey(ValueError):
    """A key that must not sign. The message says why and shows nothing of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key pair that is fit to sign.

    :ivar kid: the JWK thumbprint of the public key (RFC 7638, SHA-256).
    """

    private: RSAPrivateKey = field(repr=False)
    kid: str

    @classmethod
    def generate(cls) -> Self:
        return cls._of(generate_private_key(PUBLIC_EXPONENT, GENERATED_KEY))

    @classmethod
    def from_pem(cls, private_pem: bytes, public_pem: bytes | None = None) -> Self:
        """
        :param private_pem: PKCS#1 or PKCS#8, not encrypted.
        :param public_pem: PKCS#1 or SubjectPublicKeyInfo; it must be the private key's.
        :raises UnfitKey: unreadable, not RSA, below 2048 bits, an exponent other than 65537,
            not a pair, or a key that was published (everybody can sign with that).
        """
        try:
            private = serialization.load_pem_private_key(private_pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise UnfitKey("is not a private key in PEM form without a password") from None
        if not isinstance(private, RSAPrivateKey):
            raise UnfitKey("is not an RSA key")
        key = cls._of(private)
        if public_pem is not None and _read_public(public_pem) != key.public:
            raise UnfitKey("does not belong to the private key")
        return key

    @classmethod
    def _of(cls, private: RSAPrivateKey) -> Self:
        public = private.public_key()
        if public.key_size < SMALLEST_KEY:
            raise UnfitKey(f"has {public.key_size} bits; at least {SMALLEST_KEY} are needed")
        if public.public_numbers().e != PUBLIC_EXPONENT:
            raise UnfitKey(f"has an unusual public exponent; only {PUBLIC_EXPONENT} is accepted")
        kid = thumbprint(public)
        if kid in PUBLISHED_KEYS:
            raise UnfitKey("is a published sample key: everybody could sign tokens with it")
        return cls(private, kid)

    @property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    def private_pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def public_pem(self) -> bytes:
        return self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _read_public(pem: bytes) -> object:
    try:
        return serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise UnfitKey("is not a public key in PEM form") from None


def public_members(key: RSAPublicKey) -> dict[str, str]:
    """The required members of the JWK (RFC 7518, section 6.3.1), in the order of RFC 7638."""
    numbers = key.public_numbers()
    return {"e": _base64url_uint(numbers.e), "kty": "RSA", "n": _base64url_uint(numbers.n)}


def thumbprint(key: RSAPublicKey) -> str:
    """The JWK thumbprint (RFC 7638, SHA-256), in base64url."""
    digest = hashlib.sha256(msgspec.json.encode(public_members(key))).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _base64url_uint(number: int) -> str:
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def key_in_file(path: Path) -> SigningKey:
    """The key in this PEM file, which is made, readable by its owner only, when it is not there.

    Several processes may start at once: one of them makes the file and all read that one.

    :raises UnfitKey: the file is no fit key.
    :raises OSError: the file cannot be read or made.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as f:
                f.write(SigningKey.generate().private_pem())
                f.flush()
                os.fsync(f.fileno())
            os.link(draft, path)  # fails when another process was first, and that is as good
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    return SigningKey.from_pem(path.read_bytes())


def key_in_text(private: str, public: str | None) -> SigningKey:
    """A key from environment variables: PEM texts in base64.

    :raises UnfitKey: see :meth:`SigningKey.from_pem`.
    """
    return SigningKey.from_pem(_pem(private), _pem(public) if public else None)


def _pem(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise UnfitKey("is not base64") from None
