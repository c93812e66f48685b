"""PBKDF2 as Django, passlib, Werkzeug, Ory Kratos and ASP.NET Identity write it."""

import base64
import hashlib

from application.ports import UnusableHash
from infrastructure.passwords.imported.imported_hash import (
    DIGEST_LENGTHS,
    SHORTEST_HASH,
    TOO_COSTLY,
    ImportedHash,
    decode,
)

# OWASP's Password Storage Cheat Sheet asks for 1.4 million of SHA-1 and for fewer of the others.
# This many take half a second, or one second with SHA-512.
HIGHEST_ROUNDS = 2_000_000

_ASPNET_V2 = 1 + 16 + 32  # a zero, the salt and the key, in bytes
_ASPNET_DIGESTS = ("sha1", "sha256", "sha512")


def django_pbkdf2(algorithm: str, rounds: str, salt: str, derived: str) -> ImportedHash:
    return _pbkdf2(algorithm, int(rounds), salt.encode(), decode(derived))


def passlib_pbkdf2(rounds: str, salt: str, derived: str, algorithm: str = "sha1") -> ImportedHash:
    salt, derived = salt.replace(".", "+"), derived.replace(".", "+")
    return _pbkdf2(algorithm, int(rounds), decode(salt), decode(derived))


def werkzeug_pbkdf2(algorithm: str, rounds: str, salt: str, digits: str) -> ImportedHash:
    return _pbkdf2(algorithm, int(rounds), salt.encode(), bytes.fromhex(digits))


def kratos_pbkdf2(
    algorithm: str, rounds: str, length: str, salt: str, derived: str
) -> ImportedHash:
    expected = decode(derived)
    if int(length) != len(expected):
        raise UnusableHash("is damaged: its length is not the one that it states")
    return _pbkdf2(algorithm, int(rounds), decode(salt), expected)


def aspnet(identity: str) -> ImportedHash:
    """ASP.NET Identity: version 2 begins with a zero, version 3 with a one and its parameters."""
    data = base64.b64decode(identity, validate=True)
    if data[0] == 0 and len(data) == _ASPNET_V2:
        return _pbkdf2("sha1", 1000, data[1:17], data[17:])
    kind, rounds, length = (int.from_bytes(data[start : start + 4], "big") for start in (1, 5, 9))
    if (
        data[0] != 1
        or kind >= len(_ASPNET_DIGESTS)
        or not 8 <= length <= len(data) - 13
        or not rounds
    ):
        raise ValueError
    return _pbkdf2(_ASPNET_DIGESTS[kind], rounds, data[13 : 13 + length], data[13 + length :])


def _pbkdf2(algorithm: str, rounds: int, salt: bytes, expected: bytes) -> ImportedHash:
    if rounds > HIGHEST_ROUNDS:
        raise UnusableHash(f"{TOO_COSTLY}: PBKDF2 up to {HIGHEST_ROUNDS} rounds")
    if len(expected) < SHORTEST_HASH:
        raise UnusableHash(f"is damaged: its key is shorter than {SHORTEST_HASH} bytes")
    # A key may be longer than the digest: then all rounds are computed once for each digest
    # length. The first of them shows whether the password is right.
    first = expected[: DIGEST_LENGTHS[algorithm]]
    return ImportedHash(
        lambda password: hashlib.pbkdf2_hmac(algorithm, password, salt, rounds, len(first)), first
    )
