"""The contract of Backend.ping."""

import asyncio
from datetime import timedelta

import pytest

from domain.errors import Unavailable
from infrastructure.storage.backends import BACKENDS
from infrastructure.storage.options import StoreOptions
from tests.conftest import PLACES, url_for
from tests.support.doubles import Wire

TIMEOUT = timedelta(seconds=0.5)
NETWORKED = [scheme for scheme, place in PLACES.items() if place.is_networked]


@pytest.mark.parametrize("scheme", PLACES)
async def test_a_backend_that_answers_passes_the_ping(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    backend = BACKENDS[scheme]
    async with backend.connect(url_for(scheme, request), StoreOptions()) as connection:
        await backend.ping(connection)


@pytest.mark.parametrize("scheme", NETWORKED)
async def test_a_backend_that_refuses_connections_fails_the_ping_until_it_is_back(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    backend = BACKENDS[scheme]
    async with (
        Wire(url_for(scheme, request)) as wire,
        backend.connect(wire.url, StoreOptions()) as connection,
    ):
        await wire.cut()
        with pytest.raises(Unavailable):
            await backend.ping(connection)

        await wire.mend()
        await backend.ping(connection)


@pytest.mark.parametrize("scheme", NETWORKED)
async def test_a_silent_backend_fails_the_ping_within_the_timeout(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    backend = BACKENDS[scheme]
    async with (
        Wire(url_for(scheme, request)) as wire,
        backend.connect(wire.url, StoreOptions(timeout=TIMEOUT)) as connection,
    ):
        await backend.ping(connection)
        wire.hang()

        async with asyncio.timeout(TIMEOUT.total_seconds() + 1):
            with pytest.raises(Unavailable):
                await backend.ping(connection)
