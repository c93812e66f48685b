"""The contract of PasswordHasher."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext

import pytest

from application.ports import PasswordHasher
from domain.passwords.password import Password
from infrastructure.passwords.argon2_hasher import (
    LOWEST_MEMORY_KIB,
    LOWEST_TIME_COST,
    Argon2Hasher,
    Cost,
)
from infrastructure.passwords.hashing_pool import HashingPool
from tests.support.builders import CLIENT
from tests.support.doubles import QuickHasher

pytestmark = pytest.mark.slow

RIGHT = Password.parse("correct horse battery staple")


@contextmanager
def argon2(memory_kib: int) -> Iterator[PasswordHasher]:
    with closing(HashingPool(threads=1, queue=8)) as pool:
        yield Argon2Hasher(Cost(LOWEST_TIME_COST, memory_kib), pool)


HASHERS: dict[str, Callable[[bool], AbstractContextManager[PasswordHasher]]] = {
    "argon2": lambda is_stronger: argon2(LOWEST_MEMORY_KIB + (8 if is_stronger else 0)),
    "quick": lambda is_stronger: nullcontext(QuickHasher(2 if is_stronger else 1)),
}
"""Each in its usual strength and in a greater one. A new hasher needs an entry here."""


@pytest.fixture(params=HASHERS.values(), ids=list(HASHERS))
def make(
    request: pytest.FixtureRequest,
) -> Callable[[bool], AbstractContextManager[PasswordHasher]]:
    kind: Callable[[bool], AbstractContextManager[PasswordHasher]] = request.param
    return kind


@pytest.fixture
def hasher(
    make: Callable[[bool], AbstractContextManager[PasswordHasher]],
) -> Iterator[PasswordHasher]:
    with make(False) as hasher:
        yield hasher


@pytest.fixture
def stronger(
    make: Callable[[bool], AbstractContextManager[PasswordHasher]],
) -> Iterator[PasswordHasher]:
    with make(True) as hasher:
        yield hasher


@pytest.mark.parametrize(
    "text", [RIGHT.text, "x", "пароль 🔑", "a" * 256, "🔑" * 256, " ", "$argon2id$"]
)
async def test_a_password_is_verified_by_its_own_hash(hasher: PasswordHasher, text: str) -> None:
    password = Password.parse(text)

    assert await hasher.verify(password, await hasher.hash(password, CLIENT), CLIENT) is True


@pytest.mark.parametrize(
    "text", ["", "x", "correct horse battery staple ", "Correct horse battery staple"]
)
async def test_another_password_is_not(hasher: PasswordHasher, text: str) -> None:
    stored = await hasher.hash(RIGHT, CLIENT)

    assert await hasher.verify(Password.parse(text), stored, CLIENT) is False


async def test_passwords_that_differ_after_byte_72_differ(hasher: PasswordHasher) -> None:
    one, other = Password.parse("x9" * 36 + "a"), Password.parse("x9" * 36 + "b")

    assert not await hasher.verify(other, await hasher.hash(one, CLIENT), CLIENT)


async def test_each_hash_has_a_salt_of_its_own(hasher: PasswordHasher) -> None:
    assert await hasher.hash(RIGHT, CLIENT) != await hasher.hash(RIGHT, CLIENT)


async def test_a_hash_fits_where_it_is_stored_and_says_nothing(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(RIGHT, CLIENT)

    assert stored.isascii()
    assert len(stored) <= 255
    assert RIGHT.text not in stored


async def test_the_password_of_no_user_is_never_right(hasher: PasswordHasher) -> None:
    assert await hasher.verify(RIGHT, None, CLIENT) is False


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "rubbish",
        "$",
        "$$$$$",
        "\x00",
        "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
        "$6$rounds=656000$salt$hash",
        "$argon2id$",
        "$argon2id$v=19$m=x,t=2,p=1$c29tZXNhbHQ$aGFzaA",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$aGFzaA\n",
        "$argon2id$v=19$m=19456,t=0,p=0$c29tZXNhbHRzYWx0$aGFzaGhhc2g",
        "$argon2id$v=19$m=-1,t=-1,p=-1$c29tZXNhbHRzYWx0$aGFzaGhhc2g",
        "$argon2id$v=19$m=19456,t=2,p=1$sälzig$aGFzaGhhc2g",
        "$argon2id$v=19$m=19456,t=2,p=1$\ud800$aGFzaGhhc2g",
        "quick$x$salt$hash",
        "quick$1$salt$häsh",
    ],
)
async def test_an_unreadable_hash_is_never_right(hasher: PasswordHasher, stored: str) -> None:
    assert await hasher.verify(RIGHT, stored, CLIENT) is False


async def test_a_hash_of_today_is_not_outdated(hasher: PasswordHasher) -> None:
    assert not hasher.is_outdated(await hasher.hash(RIGHT, CLIENT))


async def test_a_weaker_hash_is_outdated_and_still_good(
    hasher: PasswordHasher, stronger: PasswordHasher
) -> None:
    stored = await hasher.hash(RIGHT, CLIENT)

    assert stronger.is_outdated(stored)
    assert await stronger.verify(RIGHT, stored, CLIENT)


async def test_a_stronger_hash_is_not_outdated_and_still_good(
    hasher: PasswordHasher, stronger: PasswordHasher
) -> None:
    stored = await stronger.hash(RIGHT, CLIENT)

    assert not hasher.is_outdated(stored)
    assert await hasher.verify(RIGHT, stored, CLIENT)
