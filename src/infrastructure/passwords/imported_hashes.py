"""Password hashes of other systems, for imported users.

They are verified and never made: a login with one replaces it by an Argon2id hash. (Argon2 of any
kind is read in :mod:`infrastructure.passwords.argon2_hasher`.) A hash says what it costs, so it
may have been planted to exhaust the machine: each cost has an upper bound, above the costs in use
and of some seconds at most.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import bcrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_Derive = Callable[[bytes], bytes]

LONGEST_HASH = 255
"""Characters: the width of the column."""

SHORTEST_HASH = 16
"""Bytes, decoded. A shorter hash could belong to another password as well."""

# OWASP's Password Storage Cheat Sheet asks for 1.4 million of SHA-1 and for fewer of the others.
# This many take half a second, or one second with SHA-512.
HIGHEST_ROUNDS = 2_000_000

# 256 MiB as for Argon2, and four times the work of OWASP's 2**17 times 8.
_HIGHEST_SCRYPT_MEMORY = 256 * 1024**2
_HIGHEST_SCRYPT_WORK = 2**22
_HIGHEST_BLOCK_SIZE = 64  # 8 nearly everywhere
_HIGHEST_PARALLELISM = 16

_DERIVED_LENGTHS = range(SHORTEST_HASH, 64 + 1)
_DIGEST_LENGTHS = {"sha1": 20, "sha256": 32, "sha512": 64}


@dataclass(frozen=True, slots=True)
class ImportedHash:
    """A hash of a known form and of acceptable cost. Its ``repr`` shows nothing."""

    derive: _Derive = field(repr=False)
    expected: bytes = field(repr=False)

    def verify(self, password: bytes) -> bool:
        """Whether the hash was made of this password."""
        return hmac.compare_digest(self.derive(password), self.expected)


def read(stored: str) -> ImportedHash | None:
    """Parse a stored hash. It computes no hash.

    :returns: ``None`` when the form is unknown or violated, or the cost is too high.
    """
    if len(stored) > LONGEST_HASH or "\0" in stored:
        return None
    for form, make in _FORMS:
        if found := form.fullmatch(stored):
            try:
                return make(**found.groupdict())
            except ValueError:
                return None
    return None


def _bcrypt(hashed: str) -> ImportedHash:
    # Bcrypt works on 72 bytes. Older systems ignored the rest, and the library rejects it:
    # without the cut, users with a longer password could not log in.
    return _bcrypt_of(lambda password: password[:72], hashed)


def _bcrypt_sha256(hashed: str) -> ImportedHash:
    """Django's way around the 72 bytes."""
    return _bcrypt_of(lambda password: hashlib.sha256(password).hexdigest().encode(), hashed)


def _bcrypt_of(prepare: _Derive, hashed: str) -> ImportedHash:
    expected = hashed.encode()
    return ImportedHash(lambda password: bcrypt.hashpw(prepare(password), expected), expected)


def _django_pbkdf2(algorithm: str, rounds: str, salt: str, derived: str) -> ImportedHash:
    return _pbkdf2(algorithm, int(rounds), salt.encode(), _decode(derived))


def _passlib_pbkdf2(rounds: str, salt: str, derived: str, algorithm: str = "sha1") -> ImportedHash:
    salt, derived = salt.replace(".", "+"), derived.replace(".", "+")
    return _pbkdf2(algorithm, int(rounds), _decode(salt), _decode(derived))


def _pbkdf2(algorithm: str, rounds: int, salt: bytes, expected: bytes) -> ImportedHash:
    # A hash longer than the digest would take all rounds once for each digest length.
    if rounds > HIGHEST_ROUNDS or len(expected) != _DIGEST_LENGTHS[algorithm]:
        raise ValueError
    return ImportedHash(
        lambda password: hashlib.pbkdf2_hmac(algorithm, password, salt, rounds), expected
    )


def _django_scrypt(n: str, salt: str, r: str, p: str, derived: str) -> ImportedHash:
    expected = _decode(derived)
    return ImportedHash(_scrypt(int(n), int(r), int(p), salt.encode(), len(expected)), expected)


def _passlib_scrypt(ln: str, r: str, p: str, salt: str, derived: str) -> ImportedHash:
    expected = _decode(derived)
    derive = _scrypt(2 ** int(ln), int(r), int(p), _decode(salt), len(expected))
    return ImportedHash(derive, expected)


def _firebase(
    ln: str, r: str, p: str, separator: str, signer: str, salt: str, derived: str
) -> ImportedHash:
    """The hash is the project's signer key, encrypted with the key that scrypt derives."""
    key_of = _scrypt(2 ** int(ln), int(r), int(p), _decode(salt) + _decode(separator), 32)
    signer_key, expected = _decode(signer), _decode(derived)
    if len(signer_key) != len(expected) or len(expected) not in _DERIVED_LENGTHS:
        raise ValueError
    return ImportedHash(lambda password: _encrypt(signer_key, key_of(password)), expected)


def _encrypt(text: bytes, key: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _scrypt(n: int, r: int, p: int, salt: bytes, length: int) -> _Derive:
    """Derive with scrypt.

    :raises ValueError: RFC 7914 does not allow the parameters, or their cost is too high.
    """
    is_allowed = n > 1 and n.bit_count() == 1 and n.bit_length() <= 16 * r
    is_acceptable = (
        r <= _HIGHEST_BLOCK_SIZE
        and p <= _HIGHEST_PARALLELISM
        and 128 * n * r <= _HIGHEST_SCRYPT_MEMORY
        and n * r * p <= _HIGHEST_SCRYPT_WORK
    )
    if not (is_allowed and is_acceptable and length in _DERIVED_LENGTHS):
        raise ValueError
    memory = 128 * r * (n + p + 2)  # the exact limit that OpenSSL checks
    return partial(hashlib.scrypt, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=memory)


def _decode(text: str) -> bytes:
    """Decode Base64, with or without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


_NUMBER = "[1-9][0-9]{0,6}"
_FIELDS = {
    # Salt and hash end in a character without unused bits.
    "hashed": r"\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{21}[.Oeu]"
    "[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]",
    "algorithm": "|".join(_DIGEST_LENGTHS),
    "rounds": _NUMBER,
    "ln": "[1-9][0-9]?",
    "n": _NUMBER,
    "r": _NUMBER,
    "p": _NUMBER,
}
"""The pattern of each field; the others may be any text without ``$``."""


def _pattern(form: str) -> re.Pattern[str]:
    def field_of(named: re.Match[str]) -> str:
        return f"(?P<{named[1]}>{_FIELDS.get(named[1], '[^$]*')})"

    return re.compile(re.sub("<([a-z]+)>", field_of, re.escape(form)))


_MAKERS: dict[str, Callable[..., ImportedHash]] = {
    "<hashed>": _bcrypt,
    "bcrypt$<hashed>": _bcrypt,  # Django's, as are the next three
    "bcrypt_sha256$<hashed>": _bcrypt_sha256,
    "pbkdf2_<algorithm>$<rounds>$<salt>$<derived>": _django_pbkdf2,
    "scrypt$<n>$<salt>$<r>$<p>$<derived>": _django_scrypt,
    "$pbkdf2$<rounds>$<salt>$<derived>": _passlib_pbkdf2,
    "$pbkdf2-<algorithm>$<rounds>$<salt>$<derived>": _passlib_pbkdf2,
    "$scrypt$ln=<ln>,r=<r>,p=<p>$<salt>$<derived>": _passlib_scrypt,
    "$fbscrypt$v=1,n=<ln>,r=<r>,p=<p>,ss=<separator>,sk=<signer>$<salt>$<derived>": _firebase,
}
_FORMS = [(_pattern(form), make) for form, make in _MAKERS.items()]
