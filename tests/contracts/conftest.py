"""Each contract runs on every registered adapter: the schemes of infrastructure/adapters.py.

A new adapter appears here by itself; only where to test it has to be said, in PLACES. The contract
of a store runs a second time with copies near at hand, if the adapter tells of changes: who reads,
reads copies then, and what this process itself has changed it sees at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

import pytest

from application.ports import RateLimiter, SessionStore, UserRepository
from domain.session import Session, SessionId
from domain.user import User, UserId
from infrastructure.adapters import ADAPTERS, adapter_for
from infrastructure.clock import system_clock
from infrastructure.limits import Limits
from infrastructure.near import NearSessions, NearUsers
from tests.conftest import schemes, url_for

PATIENT = Limits(timeout=timedelta(seconds=10))  # a busy machine is no reason to fail
PATIENCE = 10.0  # seconds


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


NEAR = "near "


def near_and_far(role: Literal["users", "sessions"]) -> list[str]:
    """The schemes, and once more those that tell of changes, as ``near sqlite``."""
    known = schemes(role)
    return known + [NEAR + scheme for scheme in known if ADAPTERS[scheme].feed]


class CopiedUsers(NearUsers):
    """Every question is one that a copy may answer."""

    async def get(self, user_id: UserId) -> User | None:
        return self.at_hand(user_id) or await super().get(user_id)


class CopiedSessions(NearSessions):
    """Every question is one that a copy may answer."""

    async def get(self, user_id: UserId, session_id: SessionId) -> Session | None:
        return self.at_hand(user_id, session_id) or await super().get(user_id, session_id)


@pytest.fixture(params=schemes("rate_limiter"))
def rate_limiter_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture(params=near_and_far("users"))
async def users(request: pytest.FixtureRequest) -> AsyncIterator[UserRepository]:
    """No user is in it."""
    url = url_for(request.param.removeprefix(NEAR), request)
    adapter = adapter_for(url, "users")
    assert adapter.users
    async with adapter.connect(url, PATIENT) as connection:
        users = adapter.users(connection)
        if not request.param.startswith(NEAR):
            yield users
            return
        assert adapter.feed
        async with adapter.feed(connection, PATIENT.revocation_bound) as feed:
            await until(feed.is_live)
            yield CopiedUsers(users, feed, most=1000)


@pytest.fixture(params=near_and_far("sessions"))
async def sessions(request: pytest.FixtureRequest) -> AsyncIterator[SessionStore]:
    """No session is in it."""
    url = url_for(request.param.removeprefix(NEAR), request)
    adapter = adapter_for(url, "sessions")
    assert adapter.sessions
    async with adapter.connect(url, PATIENT) as connection:
        sessions = adapter.sessions(connection)
        if not request.param.startswith(NEAR):
            yield sessions
            return
        assert adapter.feed
        async with adapter.feed(connection, PATIENT.revocation_bound) as feed:
            await until(feed.is_live)
            yield CopiedSessions(sessions, feed, 1000, system_clock)


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
