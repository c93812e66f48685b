"""The backend in the memory of this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from infrastructure.storage.backends import Backend
from infrastructure.storage.memory.connection import MemoryConnection
from infrastructure.storage.memory.invalidation_feed import MemoryFeed
from infrastructure.storage.memory.outbox import MemoryOutbox
from infrastructure.storage.memory.rate_limiter import MemoryRateLimiter
from infrastructure.storage.memory.sessions import MemorySessions
from infrastructure.storage.memory.users import MemoryUsers
from infrastructure.storage.options import StoreOptions


@asynccontextmanager
async def _open_memory(_url: str, _options: StoreOptions) -> AsyncIterator[MemoryConnection]:
    yield MemoryConnection()


async def _ping_memory(_memory: MemoryConnection) -> None:
    """Memory always answers."""


@asynccontextmanager
async def _memory_feed(memory: MemoryConnection, _bound: timedelta) -> AsyncIterator[MemoryFeed]:
    yield memory.feed


BACKEND = Backend(
    _open_memory,
    _ping_memory,
    users=lambda memory: MemoryUsers(memory.feed, memory.tokens, memory.identities),
    sessions=lambda memory: MemorySessions(memory.feed),
    rate_limiter=lambda _: MemoryRateLimiter(),
    feed=_memory_feed,
    outbox=lambda memory: MemoryOutbox(memory.tokens),
    one_time_tokens=lambda memory: memory.tokens,
    second_factors=lambda memory: memory.second_factors,
    challenges=lambda memory: memory.challenges,
    passkeys=lambda memory: memory.passkeys,
    identities=lambda memory: memory.identities,
    flows=lambda memory: memory.flows,
)
