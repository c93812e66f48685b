"""Each contract runs on every registered adapter: the schemes of infrastructure/adapters.py.

A new adapter appears here by itself; only where to test it has to be said, in PLACES.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from application.ports import RateLimiter, SessionStore, UserRepository
from infrastructure.adapters import ADAPTERS, adapter_for
from infrastructure.limits import Limits
from tests.conftest import schemes, url_for

PATIENT = Limits(timeout=timedelta(seconds=10))  # a busy machine is no reason to fail


@pytest.fixture(params=schemes("users"))
def users_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture(params=schemes("sessions"))
def sessions_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture(params=schemes("rate_limiter"))
def rate_limiter_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture
async def users(users_url: str) -> AsyncIterator[UserRepository]:
    """No user is in it."""
    adapter = adapter_for(users_url, "users")
    assert adapter.users is not None
    async with adapter.connect(users_url, PATIENT) as connection:
        yield adapter.users(connection)


@pytest.fixture
async def sessions(sessions_url: str) -> AsyncIterator[SessionStore]:
    """No session is in it."""
    adapter = adapter_for(sessions_url, "sessions")
    assert adapter.sessions is not None
    async with adapter.connect(sessions_url, PATIENT) as connection:
        yield adapter.sessions(connection)


@pytest.fixture
async def limiter(rate_limiter_url: str) -> AsyncIterator[RateLimiter]:
    """It has counted nothing yet."""
    async with open_limiter(rate_limiter_url) as limiter:
        yield limiter


@asynccontextmanager
async def open_limiter(url: str) -> AsyncIterator[RateLimiter]:
    """With a connection of its own, as another process has one."""
    adapter = ADAPTERS[url.partition(":")[0].partition("+")[0]]
    assert adapter.rate_limiter is not None
    async with adapter.connect(url, PATIENT) as connection:
        yield adapter.rate_limiter(connection)
