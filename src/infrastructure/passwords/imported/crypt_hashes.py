"""Hashes like those of crypt(3): bcrypt, phpass, SHA-crypt, and salted digests of LDAP."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from functools import partial

import bcrypt

from application.ports import UnusableHash
from infrastructure.passwords.imported.imported_hash import (
    DIGEST_LENGTHS,
    TOO_COSTLY,
    Derive,
    ImportedHash,
    as_it_is,
    decode,
)
from infrastructure.passwords.imported.legacy_digests import (
    number,
    phpass,
    sha_crypt,
    sign_extended,
)

_HIGHEST_BCRYPT_COST = 14
_HIGHEST_CRYPT_ROUNDS = 700_000  # passlib makes 656 000, which take a second or two
_LOG2_PHPASS_ROUNDS = range(7, 16 + 1)  # WordPress makes 13, Drupal 16


def plain_bcrypt(hashed: str) -> ImportedHash:
    if hashed.startswith("$2x$"):
        return _bcrypt_of(sign_extended, hashed.replace("$2x$", "$2b$", 1))
    # Bcrypt works on 72 bytes. Older systems ignored the rest, and the library rejects it:
    # without the cut, users with a longer password could not log in.
    return _bcrypt_of(lambda password: password[:72], hashed)


def bcrypt_sha256(hashed: str) -> ImportedHash:
    """Django's way around the 72 bytes."""
    return _bcrypt_of(lambda password: hashlib.sha256(password).hexdigest().encode(), hashed)


def wordpress(hashed: str) -> ImportedHash:
    """WordPress's way around the 72 bytes, from its release 6.8 on."""

    def prepare(password: bytes) -> bytes:
        return base64.b64encode(hmac.digest(b"wp-sha384", password, "sha384"))

    return _bcrypt_of(prepare, hashed, _wordpress_spellings)


def _bcrypt_of(
    prepare: Derive,
    hashed: str,
    spellings: Callable[[bytes], Iterable[bytes]] = as_it_is,
) -> ImportedHash:
    if int(hashed[4:6]) > _HIGHEST_BCRYPT_COST:
        raise UnusableHash(f"{TOO_COSTLY}: bcrypt up to cost {_HIGHEST_BCRYPT_COST}")
    expected = hashed.encode()
    return ImportedHash(
        lambda password: bcrypt.hashpw(prepare(password), expected), expected, spellings
    )


def portable_phpass(log: str, salt: str, md5: str) -> ImportedHash:
    derive = _phpass_of("md5", log, salt)
    return ImportedHash(
        lambda password: derive(password).encode(), md5.encode(), _wordpress_spellings
    )


def drupal(log: str, salt: str, cut: str) -> ImportedHash:
    derive = _phpass_of("sha512", log, salt)
    return ImportedHash(lambda password: derive(password)[: len(cut)].encode(), cut.encode())


def drupal_upgraded(log: str, salt: str, cut: str) -> ImportedHash:
    """A hash of Drupal 6, hashed again by Drupal 7."""
    outer = drupal(log, salt, cut)

    def derive(password: bytes) -> bytes:
        return outer.derive(hashlib.md5(password).hexdigest().encode())  # noqa: S324 - theirs

    return ImportedHash(derive, outer.expected)


def _phpass_of(digest: str, log: str, salt: str) -> Callable[[bytes], str]:
    if number(log) not in _LOG2_PHPASS_ROUNDS:
        raise UnusableHash(f"{TOO_COSTLY}: up to 2**{_LOG2_PHPASS_ROUNDS[-1]} rounds of phpass")
    return partial(phpass, digest, number(log), salt.encode())


def _wordpress_spellings(password: bytes) -> Iterable[bytes]:
    """WordPress trims a password, and keeps the slashes that PHP once put before quotes."""
    trimmed = password.strip(b" \t\n\r\0\x0b")
    slashed = re.sub(rb"""(['"\\])""", rb"\\\1", trimmed)
    return dict.fromkeys((password, trimmed, slashed))


def sha256_crypt(salt: str, sha256: str, rounds: str = "5000") -> ImportedHash:
    return _sha_crypt("sha256", rounds, salt, sha256)


def sha512_crypt(salt: str, sha512: str, rounds: str = "5000") -> ImportedHash:
    return _sha_crypt("sha512", rounds, salt, sha512)


def _sha_crypt(digest: str, rounds: str, salt: str, expected: str) -> ImportedHash:
    if int(rounds) > _HIGHEST_CRYPT_ROUNDS:
        raise UnusableHash(f"{TOO_COSTLY}: SHA-crypt up to {_HIGHEST_CRYPT_ROUNDS} rounds")
    derive = partial(sha_crypt, digest, int(rounds), salt.encode())
    return ImportedHash(lambda password: derive(password).encode(), expected.encode())


def salted_digest(bits: str, sealed: str) -> ImportedHash:
    """A digest of password and salt, as LDAP servers store it: the salt follows the digest."""
    digest = f"sha{bits or 1}"
    data, length = decode(sealed), DIGEST_LENGTHS[digest]
    expected, salt = data[:length], data[length:]
    if not salt:
        raise UnusableHash("is damaged: it has no salt")
    return ImportedHash(lambda password: hashlib.new(digest, password + salt).digest(), expected)
