"""Hashes that other systems made: read, verified, bounded, and replaced at the first login."""

import base64
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing

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

from domain.password import Password
from infrastructure.passwords.argon2_hasher import (
    LOWEST_MEMORY_KIB,
    LOWEST_TIME_COST,
    Argon2Hasher,
    Cost,
    is_verifiable,
)
from infrastructure.passwords.hashing_pool import HashingPool
from infrastructure.passwords.imported_hashes import read
from tests.support.builders import CLIENT, PASSWORD, World, ada

WRONG = f"{PASSWORD}r"
SALT = b"sixteen bytes +/"
SHA1 = hashes.SHA1()  # noqa: S303 - nobody chooses it today
UNICODE = "t\xe1\u0411\u2113\u0259"  # of passlib's tests
FIREBASE_KEY = (
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)
FIREBASE = f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={FIREBASE_KEY}$42xEC+ixf3L2lw==$"

PUBLISHED = {
    # Openwall's crypt_blowfish, and the others as in passlib/tests/test_handlers_bcrypt.py
    "bcrypt 2a": ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    "bcrypt 2a, nothing": ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    "bcrypt 2a, long": (
        (
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
            "0123456789chars after 72 are ignored"
        ),
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    "bcrypt 2b": (UNICODE, "$2b$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG"),
    # github.com/supabase/auth, internal/crypto/password_test.go
    "bcrypt 2y": ("test", "$2y$10$srNl09aPtc2qr.0Vl.NtjekJRt/NxRxYQm3qd3OvfcKsJgVnr6.Ve"),
    # passlib/tests/test_handlers_django.py, made by Django 1.6 and 1.4
    "Django bcrypt": (
        UNICODE,
        "bcrypt$$2a$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG",
    ),
    "Django bcrypt_sha256": (
        "l\xe8tmein",
        "bcrypt_sha256$$2a$08$NDjSAIcas.EcoxCRiArvT.MkNiPYVhrsrnJsRkLueZOoV1bsQqlmC",
    ),
    "Django bcrypt_sha256, long": (
        "abc123" * 12 + "qwr",
        "bcrypt_sha256$$2a$06$Tg/oYyZTyAf.Nb3qSgN61Ocy0BEz1RK6xslSNi8PlaLX2pe7x/KQG",
    ),
    "Django pbkdf2_sha256": (
        UNICODE,
        "pbkdf2_sha256$10000$bEwAfNrH1TlQ$OgYUblFNUX1B8GfMqaCYUK/iHyO0pa7STTDdaEJBuY0=",
    ),
    # django/tests/auth_tests/test_hashers.py
    "Django 4.1 pbkdf2_sha256": (
        "l\xe8tmein",
        "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
    ),
    "Django 4.1 pbkdf2_sha1": (
        "l\xe8tmein",
        "pbkdf2_sha1$390000$seasalt2$aDapRanzW8aHTz97v2TcfHzWD+I=",
    ),
    "Django scrypt": (
        "l\xe8tmein",
        (
            "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NY"
            "afTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="
        ),
    ),
    # RFC 6070
    "PBKDF2 of the RFC": (
        "password",
        "pbkdf2_sha1$4096$salt$"
        + base64.b64encode(bytes.fromhex("4b007901b765489abead49d926f721d065a429c1")).decode(),
    ),
    # passlib/tests/test_handlers_pbkdf2.py
    "passlib PBKDF2 of SHA-1": (
        "password",
        "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI",
    ),
    "passlib PBKDF2 of SHA-256": (
        "password",
        "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
    ),
    "passlib PBKDF2 of SHA-512": (
        "password",
        (
            "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa1"
            "7k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww"
        ),
    ),
    # The scrypt paper (RFC 7914), as in passlib/tests/test_handlers_scrypt.py
    "scrypt, nothing": ("", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"),
    "scrypt of 16 lanes": (
        "password",
        "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI",
    ),
    "scrypt": (
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
    ),
    # github.com/firebase/scrypt: the README and a test
    "Firebase": (
        "user1password",
        (
            f"{FIREBASE}lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
            "JAdRuid5lQ=="
        ),
    ),
    "Firebase, another": (
        "hunter2",
        (
            f"{FIREBASE}70k8Vg5B3/OrvJOiqusnasv0dLcBHoDAqJrJr7TRLBfMw4MitWx51YXJYFdGiyMbMeKtWtLf5HiB"
            "DcN0SUOm4A=="
        ),
    ),
    # github.com/supabase/auth, internal/crypto/password_test.go
    "Supabase": (
        "mytestpassword",
        (
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0"
            "/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p"
            "6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw=="
        ),
    ),
}
"""Passwords and their hashes, by what others say."""

PUBLISHED_ARGON2 = {
    # django/tests/auth_tests/test_hashers.py
    "Django argon2i without a version": (
        "secret",
        (
            "argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10P9QFO"
            "4NAYysnqRt1GSQLE55m+2GYDt9FEjPMHhP2Cuf0nOEXXMocVrsJAtNSsKyfg"
        ),
    ),
    "Django argon2i": (
        "secret",
        "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    ),
    "Django argon2id": (
        "secret",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw",
    ),
    # github.com/supabase/auth, internal/crypto/password_test.go
    "argon2i": (
        "test",
        "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    ),
    "argon2id": (
        "test",
        (
            "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ"
            "$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk"
        ),
    ),
}


def padded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bare(data: bytes) -> str:
    return padded(data).rstrip("=")


def adapted(data: bytes) -> str:
    return bare(data).replace("+", ".")


def a_bcrypt(password: str, version: bytes = b"2b") -> str:
    """As a system of old made it, with the library of today."""
    hashed = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4))
    return hashed.replace(b"2b", version, 1).decode()


def a_bcrypt_sha256(password: str) -> str:
    return f"bcrypt_sha256${a_bcrypt(hashlib.sha256(password.encode()).hexdigest())}"


def pbkdf2(digest: hashes.HashAlgorithm, password: str, rounds: int, salt: bytes = SALT) -> bytes:
    return PBKDF2HMAC(digest, digest.digest_size, salt, rounds).derive(password.encode())


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
}
"""Each form, made cheaply and not with the functions that verify it. A new form needs an entry."""

ARGON2_MAKERS: dict[str, Callable[[str], str]] = {
    "argon2i": lambda password: argon2.PasswordHasher(1, 8, 1, type=argon2.Type.I).hash(password),
    "argon2d": lambda password: argon2.PasswordHasher(1, 8, 1, type=argon2.Type.D).hash(password),
    "Django argon2": lambda password: (
        "argon2" + argon2.PasswordHasher(2, LOWEST_MEMORY_KIB, 1).hash(password)
    ),
}
"""Argon2 is read elsewhere. The last is as strong as ours, in the form of others."""

ALL_MAKERS = MAKERS | ARGON2_MAKERS
GOOD = {name: make(PASSWORD) for name, make in ALL_MAKERS.items()}

each_form = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
each_form_at_all = pytest.mark.parametrize("make", ALL_MAKERS.values(), ids=list(ALL_MAKERS))


def is_behind(password: str, stored: str) -> bool:
    """Whether the hash can be read and is of this password."""
    found = read(stored)
    assert found is not None
    return found.verify(password.encode())


@pytest.fixture(scope="module")
def hasher() -> Iterator[Argon2Hasher]:
    cost = Cost(LOWEST_TIME_COST, LOWEST_MEMORY_KIB)
    with closing(HashingPool(threads=1, queue=8)) as pool:
        yield Argon2Hasher(cost, pool)


@pytest.mark.parametrize(("password", "stored"), PUBLISHED.values(), ids=list(PUBLISHED))
def test_a_published_hash_is_that_of_its_password_alone(password: str, stored: str) -> None:
    assert is_behind(password, stored)
    assert not is_behind(f"!{password}", stored)


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

    assert hasher.can_import(GOOD[name].replace(old, new))


@pytest.mark.parametrize("cost", ["m=262144,t=5,p=1", "m=262144,t=16,p=16", "m=65537,t=16,p=1"])
def test_an_argon2_hash_that_takes_seconds_is_verified_and_not_imported(
    hasher: Argon2Hasher, cost: str
) -> None:
    """Earlier releases have imported such hashes: their owners can still log in."""
    stored = GOOD["argon2i"].replace("m=8,t=1,p=1", cost)

    assert is_verifiable(stored)
    assert not hasher.can_import(stored)


MALFORMED = [
    "",
    "$",
    "!",
    "$2b$04$",
    "$6$rounds=656000$salt$hash",
    "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
    "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8",
    "$2x$04$mIJxfrCaEI3GukZe11CiXublhEFanu5.ododkll1WphfSp6pn4zIu",
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
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZ",  # 19 bytes
    "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc\n",
    "$pbkdf2-md5$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc",
    "pbkdf2_sha1$1$\ud800$HV3oi1k5C5LQCgG1BMOLABX4YZc=",
    "pbkdf2_sha1$1$salt$HV3oi1k5C5LQCgG1BMÖLABX4YZc=",
    f"pbkdf2_sha1$1$salt${padded(bytes(40))}",  # would take two goes
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


@each_form_at_all
async def test_a_login_replaces_an_imported_hash_by_argon2id(
    house: World, hasher: Argon2Hasher, make: Callable[[str], str]
) -> None:
    user = ada(password_hash=make(PASSWORD))
    await house.users.add(user)
    log_in = dataclasses.replace(house.login, hasher=hasher)

    for _ in range(2):
        await log_in("ada@example.org", PASSWORD)

        now = await house.users.get(user.id)
        assert now is not None
        assert now.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert not hasher.is_outdated(now.password_hash)
    assert len(await house.sessions.of_user(user.id)) == 2
