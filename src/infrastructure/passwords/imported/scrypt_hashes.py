"""Scrypt as Django, passlib, Werkzeug, Ory Kratos, Better Auth and Firebase write it."""

import hashlib
from functools import partial

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from application.ports import UnusableHash
from infrastructure.passwords.imported.imported_hash import (
    SHORTEST_HASH,
    TOO_COSTLY,
    Derive,
    ImportedHash,
    decode,
)

# 256 MiB as for Argon2, and four times the work of OWASP's 2**17 times 8.
_HIGHEST_SCRYPT_MEMORY = 256 * 1024**2
_HIGHEST_SCRYPT_WORK = 2**22
_HIGHEST_BLOCK_SIZE = 64  # 8 nearly everywhere
_HIGHEST_PARALLELISM = 16

_DERIVED_LENGTHS = range(SHORTEST_HASH, 64 + 1)


def django_scrypt(n: str, salt: str, r: str, p: str, derived: str) -> ImportedHash:
    expected = decode(derived)
    return ImportedHash(_scrypt(int(n), int(r), int(p), salt.encode(), len(expected)), expected)


def passlib_scrypt(ln: str, r: str, p: str, salt: str, derived: str) -> ImportedHash:
    expected = decode(derived)
    derive = _scrypt(2 ** int(ln), int(r), int(p), decode(salt), len(expected))
    return ImportedHash(derive, expected)


def werkzeug_scrypt(n: str, r: str, p: str, salt: str, digits: str) -> ImportedHash:
    expected = bytes.fromhex(digits)
    return ImportedHash(_scrypt(int(n), int(r), int(p), salt.encode(), len(expected)), expected)


def kratos_scrypt(n: str, r: str, p: str, salt: str, derived: str) -> ImportedHash:
    expected = decode(derived)
    return ImportedHash(_scrypt(int(n), int(r), int(p), decode(salt), len(expected)), expected)


def better_auth(saltx: str, keyx: str) -> ImportedHash:
    """The salt is the text of a number, not the number. The password is in NFKC."""
    return ImportedHash(_scrypt(16384, 16, 1, saltx.encode(), 64), bytes.fromhex(keyx))


def firebase(
    ln: str, r: str, p: str, separator: str, signer: str, salt: str, derived: str
) -> ImportedHash:
    """The hash is the project's signer key, encrypted with the key that scrypt derives."""
    key_of = _scrypt(2 ** int(ln), int(r), int(p), decode(salt) + decode(separator), 32)
    signer_key, expected = decode(signer), decode(derived)
    if len(signer_key) != len(expected) or len(expected) not in _DERIVED_LENGTHS:
        raise ValueError
    return ImportedHash(lambda password: _encrypt(signer_key, key_of(password)), expected)


def _encrypt(text: bytes, key: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _scrypt(n: int, r: int, p: int, salt: bytes, length: int) -> Derive:
    """Derive with scrypt.

    :raises UnusableHash: RFC 7914 does not allow the parameters, or their cost is too high.
    """
    is_allowed = n > 1 and n.bit_count() == 1 and n.bit_length() <= 16 * r
    is_acceptable = (
        r <= _HIGHEST_BLOCK_SIZE
        and p <= _HIGHEST_PARALLELISM
        and 128 * n * r <= _HIGHEST_SCRYPT_MEMORY
        and n * r * p <= _HIGHEST_SCRYPT_WORK
    )
    if not is_allowed or length not in _DERIVED_LENGTHS:
        raise UnusableHash("is damaged: scrypt does not allow its parameters")
    if not is_acceptable:
        raise UnusableHash(f"{TOO_COSTLY}: scrypt up to 256 MiB and N·r·p 2**22")
    memory = 128 * r * (n + p + 2)  # the exact limit that OpenSSL checks
    return partial(hashlib.scrypt, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=memory)
