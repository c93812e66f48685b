"""Hashes that other systems made: read, verified, bounded, and replaced at the first login."""

import base64
import dataclasses
import hashlib
import hmac
import json
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import argon2
import bcrypt
import pytest
from argon2.exceptions import VerifyMismatchError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given
from hypothesis import strategies as st

from application.ports import UnusableHash
from domain.passwords.password import Password
from infrastructure.passwords import argon2_hasher
from infrastructure.passwords.argon2_hasher import (
    LOWEST_TIME_COST,
    Argon2Hasher,
    Cost,
    read_parameters,
)
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.passwords.imported.forms import read
from infrastructure.passwords.imported.imported_hash import ImportedHash
from infrastructure.passwords.imported.legacy_digests import phpass, sha_crypt, sign_extended
from tests.support.builders import CLIENT, PASSWORD, a_user
from tests.support.world import World
from tests.unit.infrastructure.passwords.published_hashes import (
    FIREBASE,
    FIREBASE_KEY,
    PUBLISHED,
    PUBLISHED_ARGON2,
    WRAPPED,
)

pytestmark = pytest.mark.slow

WRONG = f"{PASSWORD}r"
SALT = b"sixteen bytes +/"
COST = Cost(LOWEST_TIME_COST, memory_kib=512)
"""Of our own hashes, which each comparison takes as long as."""
SHA1 = hashes.SHA1()  # noqa: S303 - of imported hashes only


def padded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bare(data: bytes) -> str:
    return padded(data).rstrip("=")


def adapted(data: bytes) -> str:
    return bare(data).replace("+", ".")


def a_bcrypt(password: str, version: bytes = b"2b") -> str:
    """Make a hash as an old system did, with a current library."""
    hashed = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4))
    return hashed.replace(b"2b", version, 1).decode()


def a_bcrypt_sha256(password: str) -> str:
    return f"bcrypt_sha256${a_bcrypt(hashlib.sha256(password.encode()).hexdigest())}"


def pbkdf2(
    digest: hashes.HashAlgorithm,
    password: str,
    rounds: int,
    salt: bytes = SALT,
    length: int | None = None,
) -> bytes:
    length = digest.digest_size if length is None else length
    return PBKDF2HMAC(digest, length, salt, rounds).derive(password.encode())


def scrypt(password: str, salt: bytes = SALT, length: int = 32) -> bytes:
    return Scrypt(salt, length, 2**5, 8, 2).derive(password.encode())


def a_firebase_hash(password: str) -> str:
    """Counter mode made by hand: the enciphered counter, over the project's key."""
    key = scrypt(password, SALT + b"\x07", 64)[:32]
    counter = b"".join(number.to_bytes(16, "big") for number in range(4))
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - see above
    stream = aes.update(counter)
    hashed = bytes(a ^ b for a, b in zip(stream, base64.b64decode(FIREBASE_KEY), strict=True))
    return f"$fbscrypt$v=1,n=5,r=8,p=2,ss=Bw==,sk={FIREBASE_KEY}${padded(SALT)}${padded(hashed)}"


def an_upgraded_drupal_hash(password: str) -> str:
    inner = hashlib.md5(password.encode()).hexdigest()  # noqa: S324 - Drupal's
    return "U$S$5" + "saltsalt" + phpass("sha512", 7, b"saltsalt", inner.encode())[:43]


def a_salted_digest(name: str, password: str) -> str:
    digest = hashlib.new(name, password.encode() + SALT).digest()
    return padded(digest + SALT)


def an_aspnet_hash(password: str) -> str:
    header = b"\x01" + b"".join(number.to_bytes(4, "big") for number in (2, 77, len(SALT)))
    return padded(header + SALT + pbkdf2(hashes.SHA512(), password, 77, length=32))


def a_better_auth_hash(password: str) -> str:
    salt = SALT.hex()
    return f"{salt}:{Scrypt(salt.encode(), 64, 16384, 16, 1).derive(password.encode()).hex()}"


def a_wordpress_hash(password: str) -> str:
    prepared = hmac.digest(b"wp-sha384", password.encode(), hashlib.sha384)
    return f"$wp{a_bcrypt(padded(prepared), b'2y')}"


MAKERS: dict[str, Callable[[str], str]] = {
    "bcrypt 2a": lambda password: a_bcrypt(password, b"2a"),
    "bcrypt 2b": a_bcrypt,
    "bcrypt 2y": lambda password: a_bcrypt(password, b"2y"),
    "Django bcrypt": lambda password: f"bcrypt${a_bcrypt(password)}",
    "Django bcrypt_sha256": a_bcrypt_sha256,
    "Django pbkdf2_sha1": lambda password: (
        "pbkdf2_sha1$77$Salz$" + padded(pbkdf2(SHA1, password, 77, b"Salz"))
    ),
    "Django pbkdf2_sha256": lambda password: (
        "pbkdf2_sha256$77$Sälze$" + padded(pbkdf2(hashes.SHA256(), password, 77, "Sälze".encode()))
    ),
    "Django scrypt": lambda password: (
        "scrypt$32$Sälze$8$2$" + padded(scrypt(password, "Sälze".encode(), 64))
    ),
    "passlib pbkdf2": lambda password: (
        f"$pbkdf2$77${adapted(SALT)}${adapted(pbkdf2(SHA1, password, 77))}"
    ),
    "passlib pbkdf2-sha256": lambda password: (
        f"$pbkdf2-sha256$77${adapted(SALT)}${adapted(pbkdf2(hashes.SHA256(), password, 77))}"
    ),
    "passlib pbkdf2-sha512": lambda password: (
        f"$pbkdf2-sha512$77${adapted(SALT)}${adapted(pbkdf2(hashes.SHA512(), password, 77))}"
    ),
    "passlib scrypt": lambda password: (
        f"$scrypt$ln=5,r=8,p=2${bare(SALT)}${bare(scrypt(password))}"
    ),
    "Firebase": a_firebase_hash,
    "Kratos pbkdf2": lambda password: (
        f"$pbkdf2-sha384$i=77,l=24${bare(SALT)}$"
        + bare(pbkdf2(hashes.SHA384(), password, 77, length=24))
    ),
    "Kratos scrypt": lambda password: (
        f"$scrypt$ln=128,r=8,p=2${padded(SALT)}$"
        + padded(Scrypt(SALT, 32, 128, 8, 2).derive(password.encode()))
    ),
    "Werkzeug pbkdf2": lambda password: (
        "pbkdf2:sha1:77$Salz$" + pbkdf2(SHA1, password, 77, b"Salz", 20).hex()
    ),
    "Werkzeug scrypt": lambda password: (
        "scrypt:32:8:2$Salz$" + scrypt(password, b"Salz", 64).hex()
    ),
    "PBKDF2 longer than the digest": lambda password: (
        f"$pbkdf2-sha256$77${bare(SALT)}${bare(pbkdf2(hashes.SHA256(), password, 77, length=64))}"
    ),
    "ASP.NET Identity": an_aspnet_hash,
    "better-auth": a_better_auth_hash,
    "bcrypt 2x": lambda password: (
        bcrypt.hashpw(sign_extended(password.encode()), bcrypt.gensalt(4))
        .replace(b"2b", b"2x", 1)
        .decode()
    ),
    "WordPress": a_wordpress_hash,
    "phpass": lambda password: "$P$5saltsalt" + phpass("md5", 7, b"saltsalt", password.encode()),
    "phpBB": lambda password: "$H$5saltsalt" + phpass("md5", 7, b"saltsalt", password.encode()),
    "Drupal": lambda password: (
        "$S$5saltsalt" + phpass("sha512", 7, b"saltsalt", password.encode())[:43]
    ),
    "Drupal, upgraded": an_upgraded_drupal_hash,
    "SHA-256-crypt": lambda password: (
        "$5$rounds=1000$salt$" + sha_crypt("sha256", 1000, b"salt", password.encode())
    ),
    "SHA-512-crypt": lambda password: (
        "$6$rounds=1000$salt$" + sha_crypt("sha512", 1000, b"salt", password.encode())
    ),
    "LDAP": lambda password: f"{{SSHA}}{a_salted_digest('sha1', password)}",
    "LDAP, SHA-512": lambda password: f"{{SSHA512}}{a_salted_digest('sha512', password)}",
}
"""Each form, made cheaply and not with the functions that verify it. A new form needs an entry.

No other implementation of phpass, SHA-crypt and the faulty bcrypt is here: published hashes prove
what :mod:`legacy_digests` computes.
"""

ARGON2_MAKERS: dict[str, Callable[[str], str]] = {
    "argon2i": lambda password: argon2.PasswordHasher(1, 8, 1, type=argon2.Type.I).hash(password),
    "argon2d": lambda password: argon2.PasswordHasher(1, 8, 1, type=argon2.Type.D).hash(password),
    "Django argon2": lambda password: (
        "argon2" + argon2.PasswordHasher(2, COST.memory_kib, 1).hash(password)
    ),
}
"""Argon2 is read elsewhere. The last is as strong as ours, in the form of others."""

ALL_MAKERS = MAKERS | ARGON2_MAKERS
GOOD = {name: make(PASSWORD) for name, make in ALL_MAKERS.items()}

each_form = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
each_form_at_all = pytest.mark.parametrize("make", ALL_MAKERS.values(), ids=list(ALL_MAKERS))


def is_verifiable(stored: str) -> bool:
    """Whether some password can verify, without computing a hash."""
    return read(stored) is not None or read_parameters(stored) is not None


def can_import(hasher: Argon2Hasher, given: str) -> bool:
    try:
        hasher.adopt(given)
    except UnusableHash:
        return False
    return True


def is_behind(password: str, stored: str) -> bool:
    """Whether the hash is readable and verifies this password."""
    found = read(stored)
    assert found is not None
    return any(map(found.verify, found.spellings(password.encode())))


@pytest.fixture(scope="module")
def hasher() -> Iterator[Argon2Hasher]:
    with closing(HashingPool(threads=1, queue=8)) as pool:
        yield Argon2Hasher(COST, pool)


@pytest.mark.parametrize(("password", "stored"), PUBLISHED.values(), ids=list(PUBLISHED))
def test_a_published_hash_is_that_of_its_password(password: str, stored: str) -> None:
    assert is_behind(password, stored)


@pytest.mark.parametrize(
    ("password", "stored"), PUBLISHED_ARGON2.values(), ids=list(PUBLISHED_ARGON2)
)
async def test_a_published_argon2_hash_verifies(
    hasher: Argon2Hasher, password: str, stored: str
) -> None:
    assert is_verifiable(stored)
    assert hasher.is_outdated(stored)
    assert await hasher.verify(Password(password), stored, CLIENT)
    assert not await hasher.verify(Password(f"!{password}"), stored, CLIENT)


@pytest.mark.parametrize(("password", "given"), WRAPPED.values(), ids=list(WRAPPED))
async def test_a_wrapper_is_removed_when_a_hash_is_imported(
    hasher: Argon2Hasher, password: str, given: str
) -> None:
    stored = hasher.adopt(given)

    assert hasher.is_outdated(stored)
    assert await hasher.verify(Password.parse(password), stored, CLIENT)
    assert not await hasher.verify(Password.parse(f"!{password}"), stored, CLIENT)
    assert hasher.adopt(stored) == stored


@each_form
@pytest.mark.parametrize("password", [PASSWORD, "пароль 🔑", "é" * 128, "a" * 256, ""])
def test_a_password_is_verified_in_each_form(make: Callable[[str], str], password: str) -> None:
    assert is_behind(password, make(password))


@each_form
def test_another_password_is_not(make: Callable[[str], str]) -> None:
    assert not is_behind(WRONG, make(PASSWORD))


def test_bcrypt_ignores_bytes_after_the_72nd() -> None:
    stored = a_bcrypt("x9" * 36 + "a")

    assert is_behind("x9" * 36 + "b", stored)
    assert is_behind("x9" * 36, stored)
    assert not is_behind("x9" * 35 + "x", stored)


def test_the_cut_may_go_through_a_character() -> None:
    assert is_behind("a" + "é" * 40, a_bcrypt("a" + "é" * 40))


def test_bcrypt_of_sha256_is_not_cut() -> None:
    assert not is_behind("x9" * 36 + "b", a_bcrypt_sha256("x9" * 36 + "a"))


def test_the_repr_of_an_imported_hash_shows_nothing() -> None:
    assert repr(read(GOOD["Django pbkdf2_sha1"])) == "ImportedHash()"


BEYOND_THE_BOUNDS = [
    ("bcrypt 2b", "$04$", "$03$"),
    ("bcrypt 2b", "$04$", "$15$"),
    ("bcrypt 2b", "$04$", "$31$"),
    ("Django bcrypt", "$04$", "$15$"),
    ("Django bcrypt_sha256", "$04$", "$15$"),
    ("Django pbkdf2_sha1", "$77$", "$2000001$"),
    ("Django pbkdf2_sha256", "$77$", "$9999999$"),
    ("passlib pbkdf2", "$77$", "$2000001$"),
    ("passlib pbkdf2-sha256", "$77$", f"${'9' * 100}$"),
    ("passlib pbkdf2-sha512", "$77$", "$2000001$"),
    ("Django scrypt", "scrypt$32$", "scrypt$4194304$"),
    ("Django scrypt", "scrypt$32$", "scrypt$33$"),
    ("Django scrypt", "scrypt$32$", "scrypt$1$"),
    ("Django scrypt", "$8$2$", "$65$2$"),
    ("Django scrypt", "$8$2$", "$8$17$"),
    ("passlib scrypt", "ln=5,r=8,p=2", "ln=19,r=8,p=1"),  # 512 MiB
    ("passlib scrypt", "ln=5,r=8,p=2", "ln=18,r=8,p=3"),  # 256 MiB, too often
    ("passlib scrypt", "ln=5,r=8,p=2", "ln=5,r=8,p=17"),
    ("passlib scrypt", "ln=5,r=8,p=2", "ln=5,r=65,p=2"),
    ("passlib scrypt", "ln=5,r=8,p=2", "ln=99,r=64,p=1"),
    ("passlib scrypt", "ln=5,r=8,p=2", "ln=16,r=1,p=1"),  # RFC 7914 does not allow it
    ("Firebase", "n=5,", "n=19,"),
    ("Firebase", "p=2,", "p=17,"),
    ("argon2i", "m=8,", "m=262145,"),
    ("argon2i", "t=1,", "t=17,"),
    ("argon2d", "m=8,t=1,p=1", "m=136,t=1,p=17"),
    ("Django argon2", "t=2,", "t=17,"),
]


@pytest.mark.parametrize(("name", "old", "new"), BEYOND_THE_BOUNDS)
def test_a_hash_of_absurd_cost_is_not_read(name: str, old: str, new: str) -> None:
    assert GOOD[name].count(old) == 1

    stored = GOOD[name].replace(old, new)

    assert read(stored) is None
    assert not is_verifiable(stored)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("bcrypt 2b", "$04$", "$14$"),
        ("Django pbkdf2_sha256", "$77$", "$2000000$"),
        ("passlib pbkdf2-sha512", "$77$", "$2000000$"),
        ("Django scrypt", "scrypt$32$", "scrypt$262144$"),
        ("passlib scrypt", "ln=5,r=8,p=2", "ln=18,r=8,p=2"),
        ("passlib scrypt", "ln=5,r=8,p=2", "ln=13,r=8,p=10"),
        ("passlib scrypt", "ln=5,r=8,p=2", "ln=15,r=1,p=16"),
        ("Firebase", "n=5,r=8,p=2", "n=17,r=8,p=1"),
        ("argon2i", "m=8,t=1,p=1", "m=262144,t=4,p=16"),
        ("argon2i", "m=8,t=1,p=1", "m=65536,t=16,p=1"),
    ],
)
def test_the_highest_bearable_cost_can_be_imported(
    hasher: Argon2Hasher, name: str, old: str, new: str
) -> None:
    assert GOOD[name].count(old) == 1

    assert can_import(hasher, GOOD[name].replace(old, new))


@pytest.mark.parametrize("cost", ["m=262144,t=5,p=1", "m=262144,t=16,p=16", "m=65537,t=16,p=1"])
def test_an_argon2_hash_that_takes_seconds_is_verified_and_not_imported(
    hasher: Argon2Hasher, cost: str
) -> None:
    """Earlier releases have imported such hashes: their owners can still log in."""
    stored = GOOD["argon2i"].replace("m=8,t=1,p=1", cost)

    assert is_verifiable(stored)
    assert not can_import(hasher, stored)


MALFORMED = [
    "",
    "$",
    "!",
    "$2b$04$",
    "$6$rounds=656000$salt$hash",
    "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
    "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8",
    "$2b$4$mIJxfrCaEI3GukZe11CiXublhEFanu5.ododkll1WphfSp6pn4zIu",
    "$2b$04$mIJxfrCaEI3GukZe11CiXRblhEFanu5.ododkll1WphfSp6pn4zIu",  # bits are left over
    "$2b$04$mIJxfrCaEI3GukZe11CiXublhEFanu5.ododkll1WphfSp6pn4zIv",
    "bcrypt_sha256$xyz$2a$06$/3OeRpbOf8/l6nPPRdZPp.nRiyYqPobEZGdNRBWihQhiFDh1ws1tu",
    "$pbkdf2$01212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "$pbkdf2$$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc$",
    "$pbkdf2$1_212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "$pbkdf2$+1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "$pbkdf2$١٢$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL-BX4YZc",
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4----YZc",  # not skipped
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL",  # 15 bytes
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc\n",
    "$pbkdf2-md5$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "pbkdf2_sha1$1$\ud800$HV3oi1k5C5LQCgG1BMOLABX4YZc=",
    "pbkdf2_sha1$1$salt$HV3oi1k5C5LQCgG1BMÖLABX4YZc=",
    f"pbkdf2_sha1$1${'s' * 255}$HV3oi1k5C5LQCgG1BMOLABX4YZc=",  # does not fit where it is stored
    "$scrypt$ln=10,r=1$wvif8/4fg1Cq9V7L2dv73w$bJcLia1lyfQ1X2x0xflehwVXPzWIUQWWdnlGwfVzBeQ",
    "$scrypt$ln=0,r=1,p=1$wvif8/4fg1Cq9V7L2dv73w$bJcLia1lyfQ1X2x0xflehwVXPzWIUQWWdnlGwfVzBeQ",
    "$scrypt$ln=10,r=A,p=1$wvif8/4fg1Cq9V7L2dv73w$bJcLia1lyfQ1X2x0xflehwVXPzWIUQWWdnlGwfVzBeQ",
    f"$scrypt$ln=1,r=1,p=1$c2FsdA${bare(bytes(15))}",  # of too many passwords
    f"$scrypt$ln=1,r=1,p=1$c2FsdA${bare(bytes(65))}",
    f"{FIREBASE}{padded(bytes(63))}",  # not as long as the key
    FIREBASE.replace(FIREBASE_KEY, "") + padded(b""),
    FIREBASE.replace("v=1", "v=2") + padded(bytes(64)),
    "$argon2x$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    "argon2argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    "$argon2i$v=18$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8R",  # bits are left over
    "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs",
    "$argon2i$v=19$m=8,t=1,p=1$c2FsdA$YC9+jJCrQhs5R6db7LlN8Q",
    "$argon2i$v=19$m=8,t=1,p=2$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    "$argon2i$v=19$m=8,t=0,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
]


@pytest.mark.parametrize("stored", MALFORMED)
async def test_almost_valid_hashes_are_not_read(hasher: Argon2Hasher, stored: str) -> None:
    assert read(stored) is None
    assert not is_verifiable(stored)
    assert hasher.is_outdated(stored)
    assert not await hasher.verify(Password.parse(PASSWORD), stored, CLIENT)


@given(st.text())
def test_no_text_is_too_much(hasher: Argon2Hasher, stored: str) -> None:
    assert read(stored) is None
    assert not is_verifiable(stored)
    assert hasher.is_outdated(stored)


@st.composite
def nearly_good(draw: st.DrawFn) -> str:
    """A good hash of any form, in one to three places of which there is something else."""
    stored = draw(st.sampled_from(list(GOOD.values())))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(stored)))
        instead = draw(st.text(max_size=2) | st.text("0123456789$=,./+A", max_size=2))
        stored = stored[:at] + instead + stored[at + draw(st.integers(0, 2)) :]
    return stored


@given(nearly_good())
def test_every_readable_hash_can_be_verified(hasher: Argon2Hasher, stored: str) -> None:
    password = WRONG.encode()
    assert hasher.is_outdated(stored)
    if found := read(stored):
        assert is_verifiable(stored)
        assert found.verify(password) is False
    elif is_verifiable(stored):
        with pytest.raises(VerifyMismatchError):  # and not that it could not be decoded
            argon2.PasswordHasher().verify(stored.removeprefix("argon2"), password)


@each_form_at_all
async def test_the_hasher_verifies_each_form_and_wants_it_replaced(
    hasher: Argon2Hasher, make: Callable[[str], str]
) -> None:
    stored = make(PASSWORD)

    assert is_verifiable(stored)
    assert hasher.is_outdated(stored)
    assert await hasher.verify(Password.parse(PASSWORD), stored, CLIENT) is True
    assert await hasher.verify(Password.parse(WRONG), stored, CLIENT) is False


async def test_our_own_hash_is_verifiable_and_not_outdated(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash(Password.parse(PASSWORD), CLIENT)

    assert read(stored) is None
    assert is_verifiable(stored)
    assert not hasher.is_outdated(stored)


LIGATURE = "\ufb01nd the caf\u00e9 at n\u00b0 7"  # NFC, NFD and NFKC differ


@pytest.mark.parametrize("form", ["Django pbkdf2_sha256", "argon2i", "our Argon2id"])
async def test_an_imported_password_may_be_typed_in_another_normal_form(
    hasher: Argon2Hasher, form: str
) -> None:
    text = unicodedata.normalize("NFD", LIGATURE)
    given = (
        argon2.PasswordHasher(COST.time_cost, COST.memory_kib, 1).hash(text)
        if form == "our Argon2id"
        else ALL_MAKERS[form](text)
    )

    assert await hasher.verify(Password.parse(LIGATURE), hasher.adopt(given), CLIENT)


@pytest.mark.parametrize(
    "text", ["a" * 1024, "zero\u200bwidth", "tab\tand\x07bell", "\u202eoverride", " blanks "]
)
async def test_rules_for_new_passwords_do_not_apply_to_imported_ones(
    hasher: Argon2Hasher, text: str
) -> None:
    stored = hasher.adopt(MAKERS["Django pbkdf2_sha256"](text))

    assert await hasher.verify(Password.parse(text), stored, CLIENT)


async def test_our_own_hash_is_compared_with_nfc_alone(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await hasher.hash(Password.parse(LIGATURE), CLIENT)
    monkeypatch.setattr(Password, "spellings", None)

    assert await hasher.verify(Password.parse(LIGATURE), stored, CLIENT)
    assert not await hasher.verify(Password.parse(f"{LIGATURE}!"), stored, CLIENT)
    assert not await hasher.verify(Password.parse(LIGATURE), None, CLIENT)
    assert not await hasher.verify(Password.parse(LIGATURE), "!", CLIENT)


@pytest.mark.parametrize(("seconds", "tried"), [(0.4, 4), (0.6, 3), (0.9, 2), (1.1, 1), (9, 1)])
async def test_the_time_for_all_spellings_is_bounded(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch, seconds: float, tried: int
) -> None:
    spent, compared = [0.0], []

    def verify(_: ImportedHash, password: bytes) -> bool:
        compared.append(password)
        spent[0] += seconds
        return False

    monkeypatch.setattr(ImportedHash, "verify", verify)
    monkeypatch.setattr(argon2_hasher, "clock_for", lambda _: lambda: spent[0])
    typed = unicodedata.normalize("NFC", LIGATURE) + unicodedata.normalize("NFD", LIGATURE)

    assert not await hasher.verify(Password.parse(typed), GOOD["bcrypt 2b"], CLIENT)
    assert len(compared) == len(set(compared)) == tried


async def test_the_spellings_of_wordpress_count_for_that_time(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = [0.0]

    def verify(_: ImportedHash, _spelling: bytes) -> bool:
        spent[0] += 0.9
        return False

    monkeypatch.setattr(ImportedHash, "verify", verify)
    monkeypatch.setattr(argon2_hasher, "clock_for", lambda _: lambda: spent[0])

    assert not await hasher.verify(Password.parse(" it's "), GOOD["WordPress"], CLIENT)
    assert spent == [1.8]


async def test_a_plain_password_is_compared_once(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr(ImportedHash, "verify", lambda _, password: compared.append(password))

    await hasher.verify(Password.parse(WRONG), GOOD["bcrypt 2b"], CLIENT)

    assert compared == [WRONG.encode()]


REJECTED = [
    ("$2b$" + "x" * 300, "longer than 255 characters"),
    (GOOD["bcrypt 2b"].replace("$04$", "$15$"), "bcrypt up to cost 14"),
    (GOOD["bcrypt 2b"][:-1], "such a hash has 60 characters"),
    (GOOD["Django pbkdf2_sha1"].replace("$77$", "$2000001$"), "PBKDF2 up to 2000000 rounds"),
    (GOOD["Django scrypt"].replace("$32$", "$4194304$"), "scrypt up to 256 MiB"),
    (GOOD["Django scrypt"].replace("$32$", "$33$"), "scrypt does not allow its parameters"),
    (GOOD["SHA-512-crypt"].replace("1000", "700001"), "SHA-crypt up to 700000 rounds"),
    (GOOD["Drupal"].replace("$S$5", "$S$F"), "up to 2**16 rounds of phpass"),
    (GOOD["argon2i"].replace("m=8,t=1", "m=262144,t=16"), "Argon2 up to 1 GiB times passes"),
    (GOOD["argon2i"].replace("m=8,", "m=262145,"), "damaged or has other parameters"),
    ("$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL", "shorter than 16 bytes"),
    ("$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL-A", "cannot be decoded"),
    ("{SSHA}" + padded(bytes(20)), "has no salt"),
    (
        GOOD["Kratos pbkdf2"].replace("l=24", "l=32"),
        "its length is not the one that it states",
    ),
    ("5f4dcc3b5aa765d61d8327deb882cf99", "digest without a salt"),
    ("md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "guessed too fast"),
    ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "guessed too fast"),
    ("$1$dOHYPKoP$tnxS1T8Q6VVn3kpV8cN6o.", "guessed too fast"),
    ("$y$j9T$abc$def", "yescrypt"),
    ("!", "no password that could be used"),
    ("!$6$salt$x", "no password that could be used"),
    ("s3cret", "of no form that is known"),
    (f"s3cret{{bcrypt}}{GOOD['bcrypt 2b']}", "of no form that is known"),
    (f"{{bcrypt}}{{bcrypt}}{GOOD['bcrypt 2b']}", "of no form that is known"),
]


# Salts are random, and so the names of the tests cannot be those of the hashes.
@pytest.mark.parametrize(("given", "reason"), REJECTED, ids=[reason for _, reason in REJECTED])
def test_a_hash_that_cannot_be_imported_is_refused_with_its_reason(
    hasher: Argon2Hasher, given: str, reason: str
) -> None:
    with pytest.raises(UnusableHash) as refused:
        hasher.adopt(given)

    assert reason in str(refused.value)
    assert given not in str(refused.value) or len(given) < 2


def test_sha_crypt_bounds_the_length_of_a_password() -> None:
    assert not is_behind("a" * 257, MAKERS["SHA-512-crypt"]("a" * 256))


def test_phpass_hashes_no_password_beyond_4096_bytes() -> None:
    assert phpass("md5", 7, b"saltsalt", b"a" * 4096)
    assert not phpass("md5", 7, b"saltsalt", b"a" * 4097)


@pytest.mark.parametrize("make", [MAKERS["WordPress"], MAKERS["phpass"]])
def test_wordpress_trims_a_password_and_puts_slashes_before_quotes(
    make: Callable[[str], str],
) -> None:
    """Its login applies PHP's addslashes(): core.trac.wordpress.org/ticket/24367."""
    assert is_behind(" a b\n", make("a b"))
    assert is_behind('O\'Brien "\\"', make('O\\\'Brien \\"\\\\\\"'))
    assert not is_behind("ab", make("a b"))


def test_the_lengths_of_keys_as_people_have_them() -> None:
    """Keycloak, ASP.NET Identity and Node: each form of the file is of one password."""
    file = Path(__file__).with_name("keycloak-and-aspnet.jsonl")
    given = [json.loads(line)["password_hash"] for line in file.read_text().splitlines()]

    assert len(given) == 9
    assert all(read(each) for each in given)


@each_form_at_all
async def test_a_login_replaces_an_imported_hash_by_argon2id(
    world: World, hasher: Argon2Hasher, make: Callable[[str], str]
) -> None:
    user = a_user(password_hash=hasher.adopt(make(PASSWORD)))
    await world.users.add(user)
    log_in = dataclasses.replace(world.login, hasher=hasher)

    for _ in range(2):
        await log_in("ada@example.org", PASSWORD)

        now = await world.users.get(user.id)
        assert now is not None
        assert now.password_hash.startswith(
            f"$argon2id$v=19$m={COST.memory_kib},t={COST.time_cost},p=1$"
        )
        assert not hasher.is_outdated(now.password_hash)
    assert len(await world.sessions.of_user(user.id)) == 2
