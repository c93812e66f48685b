"""Argon2id hashes, and the bounds on the cost of hashes that were planted."""

import resource
import time
from collections.abc import Iterator
from contextlib import closing

import argon2
import pytest

from domain.passwords.password import Password
from domain.user import NO_PASSWORD
from infrastructure.passwords import argon2_hasher
from infrastructure.passwords.argon2_hasher import (
    LOWEST_MEMORY_KIB,
    LOWEST_TIME_COST,
    Argon2Hasher,
    Cost,
)
from infrastructure.passwords.hashing_pool import HashingPool
from tests.support.builders import CLIENT

pytestmark = pytest.mark.slow

RIGHT = Password.parse("correct horse battery staple")


@pytest.fixture
def hasher() -> Iterator[Argon2Hasher]:
    with closing(HashingPool(threads=1, queue=0)) as pool:
        yield Argon2Hasher(Cost(LOWEST_TIME_COST, LOWEST_MEMORY_KIB), pool)


def planted(time_cost: int, memory_kib: int, parallelism: int = 1) -> str:
    """A valid hash of the right password, of any cost."""
    return argon2.PasswordHasher(time_cost, memory_kib, parallelism).hash(RIGHT.text)


async def test_a_hash_names_argon2id_and_its_cost(hasher: Argon2Hasher) -> None:
    stored = await hasher.hash(RIGHT, CLIENT)

    assert stored.startswith("$argon2id$v=19$m=19456,t=1,p=1$")


def test_the_default_cost_is_two_iterations_over_46_mib() -> None:
    assert Cost() == Cost(time_cost=2, memory_kib=47104, parallelism=1)


async def test_a_planted_hash_of_4_gib_is_rejected_without_taking_its_memory(
    hasher: Argon2Hasher,
) -> None:
    salt_and_hash = planted(1, 8).split("$")[4:]
    stored = "$".join(["", "argon2id", "v=19", f"m={4 * 1024**2},t=2,p=1", *salt_and_hash])
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

    assert not await hasher.verify(RIGHT, stored, CLIENT)

    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize(
    ("time_cost", "memory_kib", "parallelism"), [(17, 8, 1), (2**20, 8, 1), (1, 136, 17)]
)
async def test_a_planted_hash_above_the_highest_cost_is_not_computed_even_if_it_is_right(
    hasher: Argon2Hasher, time_cost: int, memory_kib: int, parallelism: int
) -> None:
    stored = planted(min(time_cost, 17), memory_kib, parallelism)
    stored = stored.replace("t=17", f"t={time_cost}")
    began = time.process_time()

    assert not await hasher.verify(RIGHT, stored, CLIENT)

    assert time.process_time() - began < 1


async def test_a_hash_of_the_highest_time_cost_and_parallelism_is_verified(
    hasher: Argon2Hasher,
) -> None:
    assert await hasher.verify(RIGHT, planted(16, 128, 16), CLIENT)


@pytest.mark.parametrize("kind", [argon2.Type.I, argon2.Type.D])
async def test_an_argon2i_or_argon2d_hash_is_verified_and_outdated(
    hasher: Argon2Hasher, kind: argon2.Type
) -> None:
    stored = argon2.PasswordHasher(4, 2 * LOWEST_MEMORY_KIB, 1, type=kind).hash(RIGHT.text)

    assert await hasher.verify(RIGHT, stored, CLIENT)
    assert hasher.is_outdated(stored)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "$2b$12$rubbish",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzYWx0$aGFzaGhhc2g",
        "$argon2id$v=19$m=19456,t=2,p=1$rubbish$rubbish",
        "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",  # far cheaper
        "$2y$04$mIJxfrCaEI3GukZe11CiXublhEFanu5.ododkll1WphfSp6pn4zIu",
    ],
)
async def test_verifying_a_cheap_or_unreadable_hash_takes_the_work_of_a_current_one(
    hasher: Argon2Hasher, stored: str | None
) -> None:
    async def work(stored: str | None) -> float:
        before = time.process_time()
        assert not await hasher.verify(Password.parse("wrong"), stored, CLIENT)
        return time.process_time() - before

    current = await hasher.hash(RIGHT, CLIENT)
    for_current = min([await work(current) for _ in range(3)])
    for_stored = min([await work(stored) for _ in range(3)])

    assert for_current / 2 < for_stored < for_current * 2


@pytest.mark.parametrize("stored", [None, NO_PASSWORD])
async def test_a_user_without_a_password_costs_what_an_unknown_user_costs(
    hasher: Argon2Hasher, stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No password logs in, and nothing is computed after the decoy."""
    padded: list[object] = []
    monkeypatch.setattr(argon2_hasher, "pad_time", lambda *times: padded.append(times))

    assert not await hasher.verify(Password.parse(""), stored, CLIENT)
    assert not padded


def test_no_hash_is_computed_before_the_first_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(argon2.PasswordHasher, "hash")

    with closing(HashingPool(threads=1, queue=0)) as pool:
        hasher = Argon2Hasher(Cost(), pool)

    assert not hasher.is_outdated(hasher._decoy)


async def test_the_first_password_of_a_process_is_padded_to_a_measured_time(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual_times: list[float] = []
    monkeypatch.setattr(argon2_hasher, "pad_time", lambda *times: usual_times.append(times[-1]))

    assert not await hasher.verify(Password.parse("wrong"), planted(1, 8), CLIENT)

    [usual_time] = usual_times
    assert usual_time > 0.001
