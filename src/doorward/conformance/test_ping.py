"""The contract of Backend.ping."""

from typing import Any

import pytest

from infrastructure.storage.backends import Backend
from infrastructure.storage.options import StoreOptions

pytestmark = pytest.mark.asyncio


async def test_a_backend_that_answers_passes_the_ping(
    backend: Backend[Any], store_url: str
) -> None:
    async with backend.connect(store_url, StoreOptions()) as connection:
        await backend.ping(connection)


async def test_a_connection_can_be_opened_again_after_it_was_closed(
    backend: Backend[Any], store_url: str
) -> None:
    for _ in range(2):
        async with backend.connect(store_url, StoreOptions()) as connection:
            await backend.ping(connection)
