"""How often a readiness probe writes."""

import asyncio

import pytest

from domain.errors import Unavailable
from infrastructure.storage.write_probe import INTERVAL, INTERVAL_AFTER_FAILURE, WriteProbe


class Store:
    """Counts the writes that are tried, and accepts them unless it is full."""

    def __init__(self) -> None:
        self.tried = 0
        self.is_full = False
        self.now = 0.0

    async def write(self) -> None:
        self.tried += 1
        await asyncio.sleep(0)
        if self.is_full:
            raise OSError


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def probe(store: Store) -> WriteProbe:
    return WriteProbe(store.write, lambda: store.now)


async def test_many_readiness_probes_write_once_in_each_interval(
    store: Store, probe: WriteProbe
) -> None:
    await asyncio.gather(*(probe() for _ in range(50)))
    store.now = INTERVAL - 0.001
    await probe()
    assert store.tried == 1

    store.now = INTERVAL
    await asyncio.gather(*(probe() for _ in range(50)))
    assert store.tried == 2


async def test_a_store_that_refuses_writes_is_not_ready_until_it_accepts_one(
    store: Store, probe: WriteProbe
) -> None:
    store.is_full = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await probe()
    assert store.tried == 1

    store.is_full, store.now = False, INTERVAL_AFTER_FAILURE
    await probe()
    assert store.tried == 2
