"""Password hashes of other systems, for imported users.

They are verified and never made: a login with one replaces it by an Argon2id hash. (Argon2 of any
kind is read in :mod:`infrastructure.passwords.argon2_hasher`.) A hash says what it costs, so it
may have been planted to exhaust the machine: each cost has an upper bound, above the costs in use
and of some seconds at most.
"""

import re
from collections.abc import Callable

from application.ports import UnusableHash
from infrastructure.passwords.imported.crypt_hashes import (
    bcrypt_sha256,
    drupal,
    drupal_upgraded,
    plain_bcrypt,
    portable_phpass,
    salted_digest,
    sha256_crypt,
    sha512_crypt,
    wordpress,
)
from infrastructure.passwords.imported.imported_hash import (
    DIGEST_LENGTHS,
    LONGEST_HASH,
    ImportedHash,
)
from infrastructure.passwords.imported.legacy_digests import CRYPT_CHARACTERS
from infrastructure.passwords.imported.pbkdf2_hashes import (
    aspnet,
    django_pbkdf2,
    kratos_pbkdf2,
    passlib_pbkdf2,
    werkzeug_pbkdf2,
)
from infrastructure.passwords.imported.scrypt_hashes import (
    better_auth,
    django_scrypt,
    firebase,
    kratos_scrypt,
    passlib_scrypt,
    werkzeug_scrypt,
)


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
    "algorithm": "|".join(DIGEST_LENGTHS),
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
    "<hashed>": plain_bcrypt,
    "bcrypt$<hashed>": plain_bcrypt,  # Django's, as are the next three
    "bcrypt_sha256$<hashed>": bcrypt_sha256,
    "pbkdf2_<algorithm>$<rounds>$<salt>$<derived>": django_pbkdf2,
    "scrypt$<n>$<salt>$<r>$<p>$<derived>": django_scrypt,
    "$pbkdf2$<rounds>$<salt>$<derived>": passlib_pbkdf2,
    "$pbkdf2-<algorithm>$<rounds>$<salt>$<derived>": passlib_pbkdf2,
    "$scrypt$ln=<ln>,r=<r>,p=<p>$<salt>$<derived>": passlib_scrypt,
    "$fbscrypt$v=1,n=<ln>,r=<r>,p=<p>,ss=<separator>,sk=<signer>$<salt>$<derived>": firebase,
    "$firescrypt$ln=<ln>,r=<r>,p=<p>$<salt>$<derived>$<separator>$<signer>": firebase,
    "$pbkdf2-<algorithm>$i=<rounds>,l=<length>$<salt>$<derived>": kratos_pbkdf2,
    "$scrypt$ln=<n>,r=<r>,p=<p>$<salt>$<derived>": kratos_scrypt,  # N itself, not its logarithm
    "pbkdf2:<algorithm>:<rounds>$<salt>$<digits>": werkzeug_pbkdf2,
    "scrypt:<n>:<r>:<p>$<salt>$<digits>": werkzeug_scrypt,
    "<saltx>:<keyx>": better_auth,
    "$wp<hashed>": wordpress,
    "$P$<log><salt><md5>": portable_phpass,
    "$H$<log><salt><md5>": portable_phpass,  # phpBB's
    "$S$<log><salt><cut>": drupal,
    "U$S$<log><salt><cut>": drupal_upgraded,
    "$5$<salt>$<sha256>": sha256_crypt,
    "$5$rounds=<rounds>$<salt>$<sha256>": sha256_crypt,
    "$6$<salt>$<sha512>": sha512_crypt,
    "$6$rounds=<rounds>$<salt>$<sha512>": sha512_crypt,
    "{SSHA<bits>}<sealed>": salted_digest,
    "<identity>": aspnet,
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
