"""Bounds of password hashing: in memory, in time, and in how many calls may wait for it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

import pytest

from application.ports import HashClient
from domain.errors import Unavailable
from infrastructure.passwords.fair_queue import Path
from infrastructure.passwords.hashing_pool import HashingPool, HashObserver, path_of
from tests.support.builders import CLIENT

PATIENCE = 10


@asynccontextmanager
async def open_pool(
    threads: int = 1, queue: int = 0, observer: HashObserver | None = None
) -> AsyncIterator[HashingPool]:
    pool = HashingPool(threads, queue, observer)
    try:
        async with asyncio.timeout(PATIENCE):
            yield pool
    finally:
        pool.close()


def quick() -> str:
    return "quick"


class Blocking:
    """Work that keeps its thread until it is released."""

    def __init__(self) -> None:
        self._has_begun = threading.Event()
        self._is_released = threading.Event()

    def __call__(self) -> str:
        self._has_begun.set()
        assert self._is_released.wait(PATIENCE)
        return "blocking"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_released.set()

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._has_begun.wait, PATIENCE)


@asynccontextmanager
async def busy_thread(pool: HashingPool) -> AsyncIterator[asyncio.Task[str]]:
    """Keep one thread of the pool busy in this block."""
    with Blocking() as blocking:
        running = asyncio.create_task(pool.run(blocking, CLIENT))
        await blocking.begun()
        yield running


async def begin(pool: HashingPool, client: HashClient = CLIENT) -> asyncio.Task[str]:
    """Begin a call, which waits if no thread is free."""
    call = asyncio.create_task(pool.run(quick, client))
    await asyncio.sleep(0)
    return call


async def assert_it_serves(pool: HashingPool) -> None:
    assert await pool.run(quick, CLIENT) == "quick"


async def test_a_call_is_rejected_at_once_when_the_queue_is_full() -> None:
    async with open_pool(threads=1, queue=2) as pool:
        with Blocking() as blocking:
            waiting = [asyncio.create_task(pool.run(blocking, CLIENT)) for _ in range(3)]
            await asyncio.sleep(0)  # each of them has begun

            with pytest.raises(Unavailable) as rejected:
                await pool.run(quick, CLIENT)
            assert rejected.value.what == "password hashing"
            assert not any(task.done() for task in waiting)

        assert await asyncio.gather(*waiting) == ["blocking"] * 3


async def test_of_200_parallel_calls_as_many_are_served_as_there_are_slots() -> None:
    async with open_pool(threads=1, queue=4) as pool:
        with Blocking() as blocking:
            calls = [asyncio.create_task(pool.run(blocking, CLIENT)) for _ in range(200)]
            rejected, served = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert len(served) in range(5, 200)
            await asyncio.sleep(0)

        results = await asyncio.gather(*calls, return_exceptions=True)

    assert len(rejected) > 0
    assert [type(result) for result in results].count(Unavailable) == 195
    assert results.count("blocking") == 5


async def test_a_slot_is_free_again_once_its_call_is_answered() -> None:
    async with open_pool(threads=1, queue=0) as pool:
        for _ in range(3):
            await assert_it_serves(pool)


async def test_a_cancelled_call_keeps_its_slot_until_its_thread_is_done() -> None:
    async with open_pool(threads=1, queue=0) as pool:
        async with busy_thread(pool) as cancelled:
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled

            with pytest.raises(Unavailable):  # the thread is still at work
                await pool.run(quick, CLIENT)

        while True:  # until the thread is done: open_pool() bounds it
            with suppress(Unavailable):
                await assert_it_serves(pool)
                break
            await asyncio.sleep(0)


async def test_a_cancelled_call_in_the_queue_frees_its_slot_at_once() -> None:
    async with open_pool(threads=1, queue=1) as pool:
        async with busy_thread(pool) as running:
            waiting = await begin(pool)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

            successor = await begin(pool)
            assert not successor.done()

        assert await running == "blocking"
        assert await successor == "quick"


async def test_refusing_answers_all_waiting_and_all_later_calls_with_unavailable() -> None:
    async with open_pool(threads=1, queue=2) as pool, busy_thread(pool) as running:
        waiting = [asyncio.create_task(pool.run(quick, CLIENT)) for _ in range(2)]
        await asyncio.sleep(0)  # each of them has begun

        pool.refuse()

        for call in (running, *waiting, pool.run(quick, CLIENT)):
            with pytest.raises(Unavailable):
                await call


async def test_hashing_does_not_block_the_event_loop() -> None:
    async with open_pool() as pool:
        with Blocking() as blocking:
            hashing = asyncio.create_task(pool.run(blocking, CLIENT))
            await blocking.begun()  # on the event loop, while a hash is being computed
            assert not hashing.done()
        assert await hashing == "blocking"


OWNER = HashClient("198.51.100.7", is_known=True)


async def test_a_known_client_finds_a_place_in_a_queue_that_one_address_has_filled() -> None:
    async with open_pool(threads=1, queue=8) as pool:
        with Blocking() as blocking:
            attack = [asyncio.create_task(pool.run(blocking, CLIENT)) for _ in range(300)]
            await blocking.begun()
            owner = await begin(pool, OWNER)
            assert not owner.done()

        assert await owner == "quick"
        outcomes = await asyncio.gather(*attack, return_exceptions=True)

    assert [type(each) for each in outcomes].count(Unavailable) == 292  # one made room


async def test_a_hash_that_lost_its_place_is_answered_at_once() -> None:
    async with open_pool(threads=1, queue=1) as pool:
        async with busy_thread(pool) as running:
            waiting = [asyncio.create_task(pool.run(quick, CLIENT)) for _ in range(2)]
            [refused], _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

            assert isinstance(refused.exception(), Unavailable)
        await asyncio.gather(running, *waiting, return_exceptions=True)


async def test_hashes_of_several_threads_are_computed_at_once() -> None:
    async with open_pool(threads=2, queue=0) as pool:
        with Blocking() as one, Blocking() as other:
            running = [asyncio.create_task(pool.run(each, CLIENT)) for each in (one, other)]
            await one.begun()
            await other.begun()
        assert await asyncio.gather(*running) == ["blocking"] * 2


async def test_an_error_of_a_hash_is_raised_and_ends_no_thread() -> None:
    def fail() -> str:
        raise MemoryError

    async with open_pool(threads=1, queue=0) as pool:
        for _ in range(3):
            with pytest.raises(MemoryError):
                await pool.run(fail, CLIENT)
        await assert_it_serves(pool)


async def test_closing_answers_waiting_calls_with_unavailable() -> None:
    async with open_pool(threads=1, queue=1) as pool:
        async with busy_thread(pool) as running:
            waiting = await begin(pool)

            pool.close()

            with pytest.raises(Unavailable):
                await waiting
        assert await running == "blocking"


@pytest.mark.parametrize(
    ("client", "path"),
    [
        (OWNER, ("known", "198.51.100.0/24", "198.51.100.7")),
        (HashClient("198.51.100.7"), ("new", "198.51.100.0/24", "198.51.100.7")),
        (
            HashClient("2001:db8:1:203::7"),
            ("new", "2001:db8:1::/48", "2001:db8:1:200::/56", "2001:db8:1:203::/64"),
        ),
        (HashClient(""), ("new", "unknown")),
    ],
)
def test_a_client_shares_with_its_networks(client: HashClient, path: Path) -> None:
    assert path_of(client) == path


class Notes(HashObserver):
    """
    :ivar waiting: how many calls wait now.
    :ivar waits: seconds in the queue, of each call that left it for a thread.
    :ivar works: seconds on a thread, of each call.
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


async def test_the_observer_receives_waiting_and_computing_times_and_refusals() -> None:
    notes = Notes()
    async with open_pool(queue=1, observer=notes) as pool:
        async with busy_thread(pool) as first:
            second = await begin(pool)
            assert (notes.waiting, len(notes.waits)) == (1, 1)

            with pytest.raises(Unavailable):
                await pool.run(quick, CLIENT)
        await asyncio.gather(first, second)

    assert (notes.waiting, notes.refusals) == (0, 1)
    assert len(notes.waits) == len(notes.works) == 2
    assert min(notes.waits) > 0
    assert min(notes.works) > 0


async def test_a_cancelled_call_leaves_the_queue_without_a_waiting_time() -> None:
    notes = Notes()
    async with open_pool(queue=1, observer=notes) as pool:
        async with busy_thread(pool) as first:
            cancelled = await begin(pool)
            cancelled.cancel()
            with suppress(asyncio.CancelledError):
                await cancelled

            assert notes.waiting == 0
        await first

    assert len(notes.waits) == len(notes.works) == 1
