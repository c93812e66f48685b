"""Hashing that is bounded: in memory, in time, and in how many may wait for it."""

import asyncio
import resource
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import argon2
import pytest

from domain.errors import Unavailable
from domain.password import Password
from infrastructure.passwords.argon2_hasher import (
    LOWEST_MEMORY_KIB,
    LOWEST_TIME_COST,
    Argon2Hasher,
    Cost,
    HashWatch,
)

FLOOR = Cost(LOWEST_TIME_COST, LOWEST_MEMORY_KIB)
RIGHT = Password.parse("correct horse battery staple")
PATIENCE = 10


@asynccontextmanager
async def a_hasher(
    cost: Cost = FLOOR, threads: int = 1, queue: int = 0, watch: HashWatch | None = None
) -> AsyncIterator[Argon2Hasher]:
    hasher = Argon2Hasher(cost, threads, queue, watch)
    try:
        async with asyncio.timeout(PATIENCE):
            yield hasher
    finally:
        hasher.close()


class Held:
    """A password that keeps the thread that reads it until it is let go."""

    def __init__(self) -> None:
        self._is_read = threading.Event()
        self._is_free = threading.Event()

    @property
    def text(self) -> str:
        self._is_read.set()
        assert self._is_free.wait(PATIENCE)
        return "held"

    def __enter__(self) -> Password:
        return cast(Password, self)

    def __exit__(self, *_: object) -> None:
        self.let_go()

    async def has_a_thread(self) -> None:
        assert await asyncio.to_thread(self._is_read.wait, PATIENCE)

    def let_go(self) -> None:
        self._is_free.set()


def planted(time_cost: int, memory_kib: int, parallelism: int = 1) -> str:
    """A genuine hash of the right password, of any cost."""
    return argon2.PasswordHasher(time_cost, memory_kib, parallelism).hash(RIGHT.text)


async def test_a_hash_says_argon2id_and_its_cost() -> None:
    async with a_hasher() as hasher:
        stored = await hasher.hash(RIGHT)

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_default_cost_is_that_of_the_requirements() -> None:
    assert Cost() == Cost(time_cost=2, memory_kib=47104, parallelism=1)


async def test_a_planted_hash_of_4_gib_is_refused_without_its_memory() -> None:
    salt_and_hash = planted(1, 8).split("$")[4:]
    stored = "$".join(["", "argon2id", "v=19", f"m={4 * 1024**2},t=2,p=1", *salt_and_hash])
    async with a_hasher() as hasher:
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

        assert not await hasher.verify(RIGHT, stored)

        assert time.process_time() - began < 1
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize(
    ("time_cost", "memory_kib", "parallelism"), [(17, 8, 1), (2**20, 8, 1), (1, 136, 17)]
)
async def test_a_planted_hash_of_absurd_cost_is_not_computed_even_if_it_is_right(
    time_cost: int, memory_kib: int, parallelism: int
) -> None:
    stored = planted(min(time_cost, 17), memory_kib, parallelism)
    stored = stored.replace("t=17", f"t={time_cost}")
    async with a_hasher() as hasher:
        began = time.process_time()

        assert not await hasher.verify(RIGHT, stored)

        assert time.process_time() - began < 1


async def test_a_hash_of_bearable_cost_is_computed() -> None:
    async with a_hasher() as hasher:
        assert await hasher.verify(RIGHT, planted(16, 128, 16))


@pytest.mark.parametrize("kind", [argon2.Type.I, argon2.Type.D])
async def test_argon2_of_another_kind_is_accepted_and_outdated(kind: argon2.Type) -> None:
    stored = argon2.PasswordHasher(4, 2 * LOWEST_MEMORY_KIB, 1, type=kind).hash(RIGHT.text)

    async with a_hasher() as hasher:
        assert await hasher.verify(RIGHT, stored)
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
async def test_what_cannot_be_verified_or_is_cheaper_takes_the_work_of_a_wrong_password(
    stored: str | None,
) -> None:
    async def work(hasher: Argon2Hasher, stored: str | None) -> float:
        before = time.process_time()
        assert not await hasher.verify(Password.parse("wrong"), stored)
        return time.process_time() - before

    async with a_hasher() as hasher:
        real = await hasher.hash(RIGHT)
        for_real = min([await work(hasher, real) for _ in range(3)])
        for_nothing = min([await work(hasher, stored) for _ in range(3)])

    assert for_real / 2 < for_nothing < for_real * 2


async def test_who_comes_when_the_queue_is_full_is_told_at_once() -> None:
    async with a_hasher(threads=1, queue=2) as hasher:
        with Held() as held:
            waiting = [asyncio.create_task(hasher.hash(held)) for _ in range(3)]
            await asyncio.sleep(0)  # each of them has begun

            for call in (hasher.hash(RIGHT), hasher.verify(RIGHT, None)):
                with pytest.raises(Unavailable) as refused:
                    await call
                assert refused.value.what == "password hashing"
            assert not any(task.done() for task in waiting)

        assert len(await asyncio.gather(*waiting)) == 3


async def test_of_200_logins_at_once_as_many_are_served_as_have_places() -> None:
    async with a_hasher(threads=1, queue=4) as hasher:
        with Held() as held:
            logins = [asyncio.create_task(hasher.verify(held, None)) for _ in range(200)]
            refused, served = await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
            assert len(served) in range(5, 200)
            await asyncio.sleep(0)

        results = await asyncio.gather(*logins, return_exceptions=True)

    assert len(refused) > 0
    assert [type(result) for result in results].count(Unavailable) == 195
    assert results.count(False) == 5


async def test_a_free_place_is_taken_again() -> None:
    async with a_hasher(threads=1, queue=0) as hasher:
        for _ in range(3):
            assert await hasher.verify(RIGHT, await hasher.hash(RIGHT))


async def test_whoever_leaves_keeps_the_place_until_the_thread_is_done() -> None:
    async with a_hasher(threads=1, queue=0) as hasher:
        held = Held()
        with held as password:
            impatient = asyncio.create_task(hasher.hash(password))
            await held.has_a_thread()
            impatient.cancel()
            with pytest.raises(asyncio.CancelledError):
                await impatient

            with pytest.raises(Unavailable):  # the thread is still at it
                await hasher.hash(RIGHT)

        while True:  # until the thread is done: a_hasher() bounds it
            with suppress(Unavailable):
                assert await hasher.hash(RIGHT)
                break
            await asyncio.sleep(0)


async def test_whoever_leaves_the_queue_makes_room_at_once() -> None:
    async with a_hasher(threads=1, queue=1) as hasher:
        held = Held()
        with held as password:
            running = asyncio.create_task(hasher.hash(password))
            await held.has_a_thread()
            waiting = asyncio.create_task(hasher.hash(RIGHT))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

            successor = asyncio.create_task(hasher.hash(RIGHT))
            await asyncio.sleep(0)
            assert not successor.done()

        assert await running
        assert await successor


async def test_when_no_time_is_left_whoever_waits_is_told_so() -> None:
    async with a_hasher(threads=1, queue=2) as hasher:
        held = Held()
        with held as password:
            running = asyncio.create_task(hasher.hash(password))
            await held.has_a_thread()
            waiting = [asyncio.create_task(hasher.verify(RIGHT, None)) for _ in range(2)]
            await asyncio.sleep(0)  # each of them has begun

            hasher.refuse()

            for call in (running, *waiting, hasher.hash(RIGHT)):
                with pytest.raises(Unavailable):
                    await call


async def test_hashing_does_not_hold_up_anything_else() -> None:
    async with a_hasher() as hasher:
        held = Held()
        with held as password:
            hashing = asyncio.create_task(hasher.hash(password))
            await held.has_a_thread()  # on the event loop, while a hash is under way
            assert not hashing.done()
        assert await hashing


class Notes(HashWatch):
    """
    :ivar waiting: how many wait now.
    :ivar waits: how long each waited whose turn came.
    :ivar works: how long each took.
    """

    def __init__(self) -> None:
        self.waiting, self.refusals = 0, 0
        self.waits: list[float] = []
        self.works: list[float] = []

    def joined(self) -> None:
        self.waiting += 1

    def left(self, waited: float | None) -> None:
        self.waiting -= 1
        if waited is not None:
            self.waits.append(waited)

    def computed(self, seconds: float) -> None:
        self.works.append(seconds)

    def refused(self) -> None:
        self.refusals += 1


async def test_whoever_watches_is_told_of_the_queue() -> None:
    notes, held = Notes(), Held()
    async with a_hasher(queue=1, watch=notes) as hasher:
        with held as password:
            first = asyncio.create_task(hasher.hash(password))
            await held.has_a_thread()
            second = asyncio.create_task(hasher.hash(RIGHT))
            await asyncio.sleep(0)
            assert (notes.waiting, len(notes.waits)) == (1, 1)

            with pytest.raises(Unavailable):
                await hasher.hash(RIGHT)
        await asyncio.gather(first, second)

    assert (notes.waiting, notes.refusals) == (0, 1)
    assert len(notes.waits) == len(notes.works) == 2
    assert notes.waits[1] > notes.waits[0]
    assert min(notes.works) > 0


async def test_whoever_goes_away_waits_no_more() -> None:
    notes, held = Notes(), Held()
    async with a_hasher(queue=1, watch=notes) as hasher:
        with held as password:
            first = asyncio.create_task(hasher.hash(password))
            await held.has_a_thread()
            impatient = asyncio.create_task(hasher.hash(RIGHT))
            await asyncio.sleep(0)
            impatient.cancel()
            with suppress(asyncio.CancelledError):
                await impatient

            assert notes.waiting == 0
        await first

    assert len(notes.waits) == len(notes.works) == 1
