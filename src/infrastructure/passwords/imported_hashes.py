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
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import bcrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from application.ports import UnusableHash
from infrastructure.passwords.legacy_digests import (
    CRYPT_CHARACTERS,
    number,
    phpass,
    sha_crypt,
    sign_extended,
)

_Derive = Callable[[bytes], bytes]

LONGEST_HASH = 255
"""Characters: the width of the column."""

SHORTEST_HASH = 16
"""Bytes, decoded. A shorter hash could belong to another password as well."""

# OWASP's Password Storage Cheat Sheet asks for 1.4 million of SHA-1 and for fewer of the others.
# This many take half a second, or one second with SHA-512.
HIGHEST_ROUNDS = 2_000_000

_HIGHEST_BCRYPT_COST = 14
_HIGHEST_CRYPT_ROUNDS = 700_000  # passlib makes 656 000, which take a second or two
_LOG2_PHPASS_ROUNDS = range(7, 16 + 1)  # WordPress makes 13, Drupal 16

# 256 MiB as for Argon2, and four times the work of OWASP's 2**17 times 8.
_HIGHEST_SCRYPT_MEMORY = 256 * 1024**2
_HIGHEST_SCRYPT_WORK = 2**22
_HIGHEST_BLOCK_SIZE = 64  # 8 nearly everywhere
_HIGHEST_PARALLELISM = 16

_DERIVED_LENGTHS = range(SHORTEST_HASH, 64 + 1)
_DIGEST_LENGTHS = {"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}

_ASPNET_V2 = 1 + 16 + 32  # a zero, the salt and the key, in bytes
_ASPNET_DIGESTS = ("sha1", "sha256", "sha512")

_TOO_COSTLY = "costs more than is accepted"


def _as_it_is(password: bytes) -> Iterable[bytes]:
    return (password,)


@dataclass(frozen=True, slots=True)
class ImportedHash:
    """A hash of a known form and of acceptable cost. Its ``repr`` shows nothing.

    :ivar spellings: what the other system may have made of a password before it hashed it. Each
        costs a hash.
    """

    derive: _Derive = field(repr=False)
    expected: bytes = field(repr=False)
    spellings: Callable[[bytes], Iterable[bytes]] = field(default=_as_it_is, repr=False)

    def verify(self, spelling: bytes) -> bool:
        """Whether the hash was made of this spelling of a password."""
        return hmac.compare_digest(self.derive(spelling), self.expected)


def canonical(given: str) -> str:
    """Remove what systems write before a hash to name its form, where the form says it again."""
    bare = _WRAPPER.sub("", given.strip(), count=1)
    for wrapper, form in _KRATOS_CRYPT.items():
        bare = bare.replace(wrapper, form, 1) if bare.startswith(wrapper) else bare
    return bare


def read(stored: str) -> ImportedHash | None:
    """Parse a stored hash, as :func:`parse` does; ``None`` if it cannot be used."""
    try:
        return parse(stored)
    except UnusableHash:
        return None


def parse(stored: str) -> ImportedHash:
    """Parse a hash. It computes no hash.

    :raises UnusableHash: the form is unknown or violated, or the cost is too high.
    """
    if len(stored) > LONGEST_HASH or "\0" in stored:
        raise UnusableHash(f"is longer than {LONGEST_HASH} characters")
    for form, make in _FORMS:
        if found := form.fullmatch(stored):
            try:
                return make(**found.groupdict())
            except UnusableHash:
                raise
            except ValueError:
                raise UnusableHash("is damaged: a part of it cannot be decoded") from None
    raise UnusableHash(_problem_of(stored))


def _problem_of(stored: str) -> str:
    """Explain why no form fits."""
    for pattern, problem in _PROBLEMS:
        if pattern.match(stored):
            return problem
    return "is of no form that is known: docs/import.md lists them"


def _bcrypt(hashed: str) -> ImportedHash:
    if hashed.startswith("$2x$"):
        return _bcrypt_of(sign_extended, hashed.replace("$2x$", "$2b$", 1))
    # Bcrypt works on 72 bytes. Older systems ignored the rest, and the library rejects it:
    # without the cut, users with a longer password could not log in.
    return _bcrypt_of(lambda password: password[:72], hashed)


def _bcrypt_sha256(hashed: str) -> ImportedHash:
    """Django's way around the 72 bytes."""
    return _bcrypt_of(lambda password: hashlib.sha256(password).hexdigest().encode(), hashed)


def _wordpress(hashed: str) -> ImportedHash:
    """WordPress's way around the 72 bytes, from its release 6.8 on."""

    def prepare(password: bytes) -> bytes:
        return base64.b64encode(hmac.digest(b"wp-sha384", password, "sha384"))

    return _bcrypt_of(prepare, hashed, _wordpress_spellings)


def _bcrypt_of(
    prepare: _Derive,
    hashed: str,
    spellings: Callable[[bytes], Iterable[bytes]] = _as_it_is,
) -> ImportedHash:
    if int(hashed[4:6]) > _HIGHEST_BCRYPT_COST:
        raise UnusableHash(f"{_TOO_COSTLY}: bcrypt up to cost {_HIGHEST_BCRYPT_COST}")
    expected = hashed.encode()
    return ImportedHash(
        lambda password: bcrypt.hashpw(prepare(password), expected), expected, spellings
    )


def _phpass(log: str, salt: str, md5: str) -> ImportedHash:
    derive = _phpass_of("md5", log, salt)
    return ImportedHash(
        lambda password: derive(password).encode(), md5.encode(), _wordpress_spellings
    )


def _drupal(log: str, salt: str, cut: str) -> ImportedHash:
    derive = _phpass_of("sha512", log, salt)
    return ImportedHash(lambda password: derive(password)[: len(cut)].encode(), cut.encode())


def _drupal_upgraded(log: str, salt: str, cut: str) -> ImportedHash:
    """A hash of Drupal 6, hashed again by Drupal 7."""
    outer = _drupal(log, salt, cut)

    def derive(password: bytes) -> bytes:
        return outer.derive(hashlib.md5(password).hexdigest().encode())  # noqa: S324 - theirs

    return ImportedHash(derive, outer.expected)


def _phpass_of(digest: str, log: str, salt: str) -> Callable[[bytes], str]:
    if number(log) not in _LOG2_PHPASS_ROUNDS:
        raise UnusableHash(f"{_TOO_COSTLY}: up to 2**{_LOG2_PHPASS_ROUNDS[-1]} rounds of phpass")
    return partial(phpass, digest, number(log), salt.encode())


def _wordpress_spellings(password: bytes) -> Iterable[bytes]:
    """WordPress trims a password, and keeps the slashes that PHP once put before quotes."""
    trimmed = password.strip(b" \t\n\r\0\x0b")
    slashed = re.sub(rb"""(['"\\])""", rb"\\\1", trimmed)
    return dict.fromkeys((password, trimmed, slashed))


def _sha256_crypt(salt: str, sha256: str, rounds: str = "5000") -> ImportedHash:
    return _sha_crypt("sha256", rounds, salt, sha256)


def _sha512_crypt(salt: str, sha512: str, rounds: str = "5000") -> ImportedHash:
    return _sha_crypt("sha512", rounds, salt, sha512)


def _sha_crypt(digest: str, rounds: str, salt: str, expected: str) -> ImportedHash:
    if int(rounds) > _HIGHEST_CRYPT_ROUNDS:
        raise UnusableHash(f"{_TOO_COSTLY}: SHA-crypt up to {_HIGHEST_CRYPT_ROUNDS} rounds")
    derive = partial(sha_crypt, digest, int(rounds), salt.encode())
    return ImportedHash(lambda password: derive(password).encode(), expected.encode())


def _salted_digest(bits: str, sealed: str) -> ImportedHash:
    """A digest of password and salt, as LDAP servers store it: the salt follows the digest."""
    digest = f"sha{bits or 1}"
    data, length = _decode(sealed), _DIGEST_LENGTHS[digest]
    expected, salt = data[:length], data[length:]
    if not salt:
        raise UnusableHash("is damaged: it has no salt")
    return ImportedHash(lambda password: hashlib.new(digest, password + salt).digest(), expected)


def _aspnet(identity: str) -> ImportedHash:
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


def _better_auth(saltx: str, keyx: str) -> ImportedHash:
    """The salt is the text of a number, not the number. The password is in NFKC."""
    return ImportedHash(_scrypt(16384, 16, 1, saltx.encode(), 64), bytes.fromhex(keyx))


def _werkzeug_pbkdf2(algorithm: str, rounds: str, salt: str, digits: str) -> ImportedHash:
    return _pbkdf2(algorithm, int(rounds), salt.encode(), bytes.fromhex(digits))


def _werkzeug_scrypt(n: str, r: str, p: str, salt: str, digits: str) -> ImportedHash:
    expected = bytes.fromhex(digits)
    return ImportedHash(_scrypt(int(n), int(r), int(p), salt.encode(), len(expected)), expected)


def _kratos_scrypt(n: str, r: str, p: str, salt: str, derived: str) -> ImportedHash:
    expected = _decode(derived)
    return ImportedHash(_scrypt(int(n), int(r), int(p), _decode(salt), len(expected)), expected)


def _kratos_pbkdf2(
    algorithm: str, rounds: str, length: str, salt: str, derived: str
) -> ImportedHash:
    expected = _decode(derived)
    if int(length) != len(expected):
        raise UnusableHash("is damaged: its length is not the one that it states")
    return _pbkdf2(algorithm, int(rounds), _decode(salt), expected)


def _django_pbkdf2(algorithm: str, rounds: str, salt: str, derived: str) -> ImportedHash:
    return _pbkdf2(algorithm, int(rounds), salt.encode(), _decode(derived))


def _passlib_pbkdf2(rounds: str, salt: str, derived: str, algorithm: str = "sha1") -> ImportedHash:
    salt, derived = salt.replace(".", "+"), derived.replace(".", "+")
    return _pbkdf2(algorithm, int(rounds), _decode(salt), _decode(derived))


def _pbkdf2(algorithm: str, rounds: int, salt: bytes, expected: bytes) -> ImportedHash:
    if rounds > HIGHEST_ROUNDS:
        raise UnusableHash(f"{_TOO_COSTLY}: PBKDF2 up to {HIGHEST_ROUNDS} rounds")
    if len(expected) < SHORTEST_HASH:
        raise UnusableHash(f"is damaged: its key is shorter than {SHORTEST_HASH} bytes")
    # A key may be longer than the digest: then all rounds are computed once for each digest
    # length. The first of them shows whether the password is right.
    first = expected[: _DIGEST_LENGTHS[algorithm]]
    return ImportedHash(
        lambda password: hashlib.pbkdf2_hmac(algorithm, password, salt, rounds, len(first)), first
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
        raise UnusableHash(f"{_TOO_COSTLY}: scrypt up to 256 MiB and N·r·p 2**22")
    memory = 128 * r * (n + p + 2)  # the exact limit that OpenSSL checks
    return partial(hashlib.scrypt, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=memory)


def _decode(text: str) -> bytes:
    """Decode Base64, with or without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


_WRAPPER = re.compile(
    r"\A(?:\{(?:bcrypt|BLF-CRYPT|CRYPT|SHA(?:256|512)-CRYPT|argon2(?:id?|@\w+)?)\}|[123]\|)(?=\$)",
    re.IGNORECASE,
)
"""Of Spring Security, Dovecot and LDAP servers in braces; of Nextcloud with a bar."""

_KRATOS_CRYPT = {"$sha256-crypt$": "$5$", "$sha512-crypt$": "$6$"}

_NUMBER = "[1-9][0-9]{0,11}"
_FIELDS = {
    # Salt and hash end in a character without unused bits.
    "hashed": r"\$2[abxy]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu]"
    "[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]",
    "algorithm": "|".join(_DIGEST_LENGTHS),
    "rounds": _NUMBER,
    "length": "[1-9][0-9]{1,2}",
    "ln": "[1-9][0-9]?",
    "n": _NUMBER,
    "r": _NUMBER,
    "p": _NUMBER,
    "log": CRYPT_CHARACTERS,
    "md5": f"{CRYPT_CHARACTERS}{{22}}",
    "sha256": f"{CRYPT_CHARACTERS}{{43}}",
    "sha512": f"{CRYPT_CHARACTERS}{{86}}",
    "cut": f"{CRYPT_CHARACTERS}{{43}}",
    "bits": "256|512|",
    "sealed": "[A-Za-z0-9+/]{20,}={0,2}",
    "identity": "A[A-Za-z0-9+/]{50,}={0,2}",
    "digits": "(?:[0-9a-f]{2})+",
    "saltx": "[0-9a-f]{32}",
    "keyx": "[0-9a-f]{128}",
}
"""The pattern of each field; the others may be any text without ``$``."""


def _pattern(form: str) -> re.Pattern[str]:
    fields = _FIELDS
    if form.startswith(("$P$", "$H$", "$S$", "U$S$")):
        fields = _FIELDS | {"salt": f"{CRYPT_CHARACTERS}{{8}}"}
    elif form.startswith(("$5$", "$6$")):
        fields = _FIELDS | {"salt": r"[^$:\s]{0,16}", "rounds": "[1-9][0-9]{3,8}"}

    def field_of(named: re.Match[str]) -> str:
        return f"(?P<{named[1]}>{fields.get(named[1], '[^$]*')})"

    return re.compile(re.sub("<([a-z0-9]+)>", field_of, re.escape(form)))


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
    "$firescrypt$ln=<ln>,r=<r>,p=<p>$<salt>$<derived>$<separator>$<signer>": _firebase,
    "$pbkdf2-<algorithm>$i=<rounds>,l=<length>$<salt>$<derived>": _kratos_pbkdf2,
    "$scrypt$ln=<n>,r=<r>,p=<p>$<salt>$<derived>": _kratos_scrypt,  # N itself, not its logarithm
    "pbkdf2:<algorithm>:<rounds>$<salt>$<digits>": _werkzeug_pbkdf2,
    "scrypt:<n>:<r>:<p>$<salt>$<digits>": _werkzeug_scrypt,
    "<saltx>:<keyx>": _better_auth,
    "$wp<hashed>": _wordpress,
    "$P$<log><salt><md5>": _phpass,
    "$H$<log><salt><md5>": _phpass,  # phpBB's
    "$S$<log><salt><cut>": _drupal,
    "U$S$<log><salt><cut>": _drupal_upgraded,
    "$5$<salt>$<sha256>": _sha256_crypt,
    "$5$rounds=<rounds>$<salt>$<sha256>": _sha256_crypt,
    "$6$<salt>$<sha512>": _sha512_crypt,
    "$6$rounds=<rounds>$<salt>$<sha512>": _sha512_crypt,
    "{SSHA<bits>}<sealed>": _salted_digest,
    "<identity>": _aspnet,
}
_FORMS = [(_pattern(form), make) for form, make in _MAKERS.items()]

_PROBLEMS = [
    (re.compile(pattern), problem)
    for pattern, problem in {
        r"[!*]|x?$": "is no hash: the account had no password that could be used",
        r"(?i)(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$": (
            "is a digest without a salt, which is guessed too fast to be accepted"
        ),
        r"(?i)\$(?:1|apr1)\$|(?:md5|sha1|unsalted_\w+|crypt)\$|\{(?:MD5|SMD5|SHA|SHA\d+|noop)\}": (
            "is of a form that is guessed too fast to be accepted"
        ),
        r"\$(?:y|gy|7)\$": "is of yescrypt, which is not supported",
        r"\$2|bcrypt": "begins like bcrypt, and is damaged: such a hash has 60 characters",
        r"\$wp|\$[PHS56]\$|U\$S\$|\{SSHA|\$?(?:pbkdf2|scrypt|fbscrypt|firescrypt|argon2)": (
            "begins like a form that is known, and is damaged or has other parameters"
        ),
    }.items()
]
