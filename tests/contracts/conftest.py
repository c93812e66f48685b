"""Each contract runs on every registered adapter: the schemes of infrastructure/adapters.py.

A new adapter appears here by itself; only where to test it has to be said, in PLACES.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from application.ports import SessionStore, UserRepository
from infrastructure.adapters import adapter_for
from infrastructure.limits import Limits
from tests.conftest import schemes, url_for

PATIENT = Limits(timeout=timedelta(seconds=10))  # a busy machine is no reason to fail


@pytest.fixture(params=schemes("users"))
def users_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture(params=schemes("sessions"))
def sessions_url(request: pytest.FixtureRequest) -> str:
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
