"""Password hashes that other systems made, for people who bring theirs along.

They are read and never made: whoever logs in with one gets an Argon2id hash (Argon2 itself, of
whatever kind, is read in ``infrastructure/argon2.py``). A hash says what it costs, and so it may
have been planted to exhaust the machine: each cost has a bound, generous enough for what is in
use and of some seconds at most.
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
"""Characters: what there is room for where users are stored."""

SHORTEST_HASH = 16
"""Bytes, decoded. A shorter one could be that of another password as well."""

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
class ForeignHash:
    """A hash of a form that we know and of bearable cost. It does not show itself in a log."""

    derive: _Derive = field(repr=False)
    expected: bytes = field(repr=False)

    def verify(self, password: bytes) -> bool:
        """Whether this is the password behind the hash, at the cost that the hash says."""
        return hmac.compare_digest(self.derive(password), self.expected)


def read(stored: str) -> ForeignHash | None:
    """The hash that this text is. It costs nothing to ask.

    ``None``: it is of no form that we know, or not quite of its form, or its cost is absurd.
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


def _bcrypt(hashed: str) -> ForeignHash:
    # Bcrypt works on 72 bytes. The systems of old ignored what came after them, and today's
    # library refuses it: without the cut, whoever chose a long password could not log in.
    return _bcrypt_of(lambda password: password[:72], hashed)


def _bcrypt_sha256(hashed: str) -> ForeignHash:
    """Django's answer to the 72 bytes."""
    return _bcrypt_of(lambda password: hashlib.sha256(password).hexdigest().encode(), hashed)


def _bcrypt_of(prepare: _Derive, hashed: str) -> ForeignHash:
    expected = hashed.encode()
    return ForeignHash(lambda password: bcrypt.hashpw(prepare(password), expected), expected)


def _django_pbkdf2(algorithm: str, rounds: str, salt: str, derived: str) -> ForeignHash:
    return _pbkdf2(algorithm, int(rounds), salt.encode(), _decode(derived))


def _passlib_pbkdf2(rounds: str, salt: str, derived: str, algorithm: str = "sha1") -> ForeignHash:
    salt, derived = salt.replace(".", "+"), derived.replace(".", "+")
    return _pbkdf2(algorithm, int(rounds), _decode(salt), _decode(derived))


def _pbkdf2(algorithm: str, rounds: int, salt: bytes, expected: bytes) -> ForeignHash:
    # A longer one than the digest would be computed in several goes, each of all rounds.
    if rounds > HIGHEST_ROUNDS or len(expected) != _DIGEST_LENGTHS[algorithm]:
        raise ValueError
    return ForeignHash(
        lambda password: hashlib.pbkdf2_hmac(algorithm, password, salt, rounds), expected
    )


def _django_scrypt(n: str, salt: str, r: str, p: str, derived: str) -> ForeignHash:
    expected = _decode(derived)
    return ForeignHash(_scrypt(int(n), int(r), int(p), salt.encode(), len(expected)), expected)


def _passlib_scrypt(ln: str, r: str, p: str, salt: str, derived: str) -> ForeignHash:
    expected = _decode(derived)
    derive = _scrypt(2 ** int(ln), int(r), int(p), _decode(salt), len(expected))
    return ForeignHash(derive, expected)


def _firebase(
    ln: str, r: str, p: str, separator: str, signer: str, salt: str, derived: str
) -> ForeignHash:
    """What scrypt derives is a key, and the hash is the project's own key enciphered with it."""
    key_of = _scrypt(2 ** int(ln), int(r), int(p), _decode(salt) + _decode(separator), 32)
    signer_key, expected = _decode(signer), _decode(derived)
    if len(signer_key) != len(expected) or len(expected) not in _DERIVED_LENGTHS:
        raise ValueError
    return ForeignHash(lambda password: _encipher(signer_key, key_of(password)), expected)


def _encipher(text: bytes, key: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _scrypt(n: int, r: int, p: int, salt: bytes, length: int) -> _Derive:
    """:raises ValueError: RFC 7914 does not allow it, or its cost is absurd."""
    is_allowed = n > 1 and n.bit_count() == 1 and n.bit_length() <= 16 * r
    is_bearable = (
        r <= _HIGHEST_BLOCK_SIZE
        and p <= _HIGHEST_PARALLELISM
        and 128 * n * r <= _HIGHEST_SCRYPT_MEMORY
        and n * r * p <= _HIGHEST_SCRYPT_WORK
    )
    if not (is_allowed and is_bearable and length in _DERIVED_LENGTHS):
        raise ValueError
    memory = 128 * r * (n + p + 2)  # exactly what OpenSSL wants to be allowed
    return partial(hashlib.scrypt, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=memory)


def _decode(text: str) -> bytes:
    """Base64, of which some forms leave out the padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


_NUMBER = "[1-9][0-9]{0,6}"
_FIELDS = {
    # Salt and hash end in those characters of which no bit is left over.
    "hashed": r"\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{21}[.Oeu]"
    "[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]",
    "algorithm": "|".join(_DIGEST_LENGTHS),
    "rounds": _NUMBER,
    "ln": "[1-9][0-9]?",
    "n": _NUMBER,
    "r": _NUMBER,
    "p": _NUMBER,
}
"""What may stand in a field. In the others it may be any text that the form leaves room for."""


def _pattern(form: str) -> re.Pattern[str]:
    def field_of(named: re.Match[str]) -> str:
        return f"(?P<{named[1]}>{_FIELDS.get(named[1], '[^$]*')})"

    return re.compile(re.sub("<([a-z]+)>", field_of, re.escape(form)))


_MAKERS: dict[str, Callable[..., ForeignHash]] = {
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
