"""Bounds of password hashing: in memory, in time, and in how many calls may wait for it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

import pytest

from domain.errors import Unavailable
from infrastructure.passwords.hashing_pool import HashingPool, HashObserver

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


async def test_a_call_is_rejected_at_once_when_the_queue_is_full() -> None:
    async with open_pool(threads=1, queue=2) as pool:
        with Blocking() as blocking:
            waiting = [asyncio.create_task(pool.run(blocking)) for _ in range(3)]
            await asyncio.sleep(0)  # each of them has begun

            with pytest.raises(Unavailable) as rejected:
                await pool.run(quick)
            assert rejected.value.what == "password hashing"
            assert not any(task.done() for task in waiting)

        assert await asyncio.gather(*waiting) == ["blocking"] * 3


async def test_of_200_parallel_calls_as_many_are_served_as_there_are_slots() -> None:
    async with open_pool(threads=1, queue=4) as pool:
        with Blocking() as blocking:
            calls = [asyncio.create_task(pool.run(blocking)) for _ in range(200)]
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
            assert await pool.run(quick) == "quick"


async def test_a_cancelled_call_keeps_its_slot_until_its_thread_is_done() -> None:
    async with open_pool(threads=1, queue=0) as pool:
        with Blocking() as blocking:
            cancelled = asyncio.create_task(pool.run(blocking))
            await blocking.begun()
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled

            with pytest.raises(Unavailable):  # the thread is still at work
                await pool.run(quick)

        while True:  # until the thread is done: open_pool() bounds it
            with suppress(Unavailable):
                assert await pool.run(quick) == "quick"
                break
            await asyncio.sleep(0)


async def test_a_cancelled_call_in_the_queue_frees_its_slot_at_once() -> None:
    async with open_pool(threads=1, queue=1) as pool:
        with Blocking() as blocking:
            running = asyncio.create_task(pool.run(blocking))
            await blocking.begun()
            waiting = asyncio.create_task(pool.run(quick))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

            successor = asyncio.create_task(pool.run(quick))
            await asyncio.sleep(0)
            assert not successor.done()

        assert await running == "blocking"
        assert await successor == "quick"


async def test_refusing_answers_all_waiting_and_all_later_calls_with_unavailable() -> None:
    async with open_pool(threads=1, queue=2) as pool:
        with Blocking() as blocking:
            running = asyncio.create_task(pool.run(blocking))
            await blocking.begun()
            waiting = [asyncio.create_task(pool.run(quick)) for _ in range(2)]
            await asyncio.sleep(0)  # each of them has begun

            pool.refuse()

            for call in (running, *waiting, pool.run(quick)):
                with pytest.raises(Unavailable):
                    await call


async def test_hashing_does_not_block_the_event_loop() -> None:
    async with open_pool() as pool:
        with Blocking() as blocking:
            hashing = asyncio.create_task(pool.run(blocking))
            await blocking.begun()  # on the event loop, while a hash is being computed
            assert not hashing.done()
        assert await hashing == "blocking"


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
        with Blocking() as blocking:
            first = asyncio.create_task(pool.run(blocking))
            await blocking.begun()
            second = asyncio.create_task(pool.run(quick))
            await asyncio.sleep(0)
            assert (notes.waiting, len(notes.waits)) == (1, 1)

            with pytest.raises(Unavailable):
                await pool.run(quick)
        await asyncio.gather(first, second)

    assert (notes.waiting, notes.refusals) == (0, 1)
    assert len(notes.waits) == len(notes.works) == 2
    assert min(notes.waits) > 0
    assert min(notes.works) > 0


async def test_a_cancelled_call_leaves_the_queue_without_a_waiting_time() -> None:
    notes = Notes()
    async with open_pool(queue=1, observer=notes) as pool:
        with Blocking() as blocking:
            first = asyncio.create_task(pool.run(blocking))
            await blocking.begun()
            cancelled = asyncio.create_task(pool.run(quick))
            await asyncio.sleep(0)
            cancelled.cancel()
            with suppress(asyncio.CancelledError):
                await cancelled

            assert notes.waiting == 0
        await first

    assert len(notes.waits) == len(notes.works) == 1
