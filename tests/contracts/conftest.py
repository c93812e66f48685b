"""Run each contract on every backend that ``infrastructure/storage/backends.py`` registers.

A new backend appears here by itself; only PLACES needs a URL to test it. The contract of a store
runs once more behind the near cache, on one backend: the cache behaves alike on all of them, and
test_invalidation_feed.py tests each feed. Reads come from the cache then, and changes by this
process itself are visible at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import create_async_engine

from application.ports import AuditLog, FigureStore, RateLimiter, SessionStore, UserRepository
from application.ports.effects import Effects
from domain.audit.event import Event
from doorward.conformance.support.examples import ADA, EVE
from doorward.conformance.support.opening import (
    PATIENCE,
    FactorStores,
    MailStores,
    SocialStores,
    add_users,
    open_audit_log,
    open_factors,
    open_figures,
    open_limiter,
    open_mail,
    open_sessions,
    open_social,
    open_users,
)
from infrastructure.storage.backends import Backend, load
from infrastructure.storage.memory.audit_log import MemoryAuditLog
from infrastructure.storage.memory.figures import MemoryFigures
from infrastructure.storage.sql.connection.url import connect_options
from tests.conftest import PLACES, schemes, url_for

_T = TypeVar("_T")

HOW_MANY_WAIT = "SELECT count(*) FROM pg_locks WHERE NOT granted"
"""For locks that others have: a question to PostgreSQL."""


async def eventually(ask: Callable[[], Awaitable[_T]], answer: _T) -> None:
    """Repeat the call until it returns the answer."""
    deadline = time.monotonic() + PATIENCE
    while await ask() != answer:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


NEAR_CACHE = "near cache "
CACHED = [f"{NEAR_CACHE}sqlite"]
"""The backend that is tested behind the near cache as well."""


@pytest.fixture(params=PLACES)
def store_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture
def backend(store_url: str) -> Backend[Any]:
    return load(urlsplit(store_url).scheme)


@pytest.fixture
def names_users(store_url: str) -> bool:
    """Whether the feed names the changed user: that of SQLite reports only that it changed."""
    return urlsplit(store_url).scheme != "sqlite"


@pytest.fixture(params=[*schemes("users"), *CACHED])
async def users(request: pytest.FixtureRequest) -> AsyncIterator[UserRepository]:
    url = url_for(request.param.removeprefix(NEAR_CACHE), request)
    async with open_users(url, near_cache=request.param.startswith(NEAR_CACHE)) as users:
        yield users


@pytest.fixture(params=[*schemes("sessions"), *CACHED])
async def sessions(request: pytest.FixtureRequest) -> AsyncIterator[SessionStore]:
    url = url_for(request.param.removeprefix(NEAR_CACHE), request)
    async with open_sessions(url, near_cache=request.param.startswith(NEAR_CACHE)) as sessions:
        yield sessions


@pytest.fixture(params=schemes("users"))
async def uncached_users(request: pytest.FixtureRequest) -> AsyncIterator[UserRepository]:
    """Users of each backend without near cache, for methods that it only delegates."""
    async with open_users(url_for(request.param, request)) as users:
        yield users


@pytest.fixture(params=schemes("rate_limiter"))
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[RateLimiter]:
    async with open_limiter(url_for(request.param, request)) as limiter:
        yield limiter


@pytest.fixture(params=[each for each in schemes("rate_limiter") if each != "memory"])
async def two_limiters(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[RateLimiter, RateLimiter]]:
    """Memory is left out: it belongs to one process."""
    url = url_for(request.param, request)
    async with open_limiter(url) as one, open_limiter(url) as other:
        yield one, other


@pytest.fixture(params=schemes("audit_log"))
def audit_log_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture(params=["memory", *schemes("audit_log")])
async def audit_log(request: pytest.FixtureRequest) -> AsyncIterator[AuditLog]:
    """Open an empty log. The log in memory serves where the users' backend has none."""
    if request.param == "memory":
        yield MemoryAuditLog()
        return
    url = url_for(request.param, request)
    await add_users(url, ADA, EVE)
    async with open_audit_log(url) as log:
        yield log


@pytest.fixture(params=["memory", *schemes("figures")])
async def figures(request: pytest.FixtureRequest) -> AsyncIterator[FigureStore]:
    """Open an empty store. The one in memory serves where the users' backend has none."""
    if request.param == "memory":
        yield MemoryFigures()
        return
    async with open_figures(url_for(request.param, request)) as opened:
        yield opened


@pytest.fixture(params=schemes("second_factors"))
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[FactorStores]:
    async with open_factors(url_for(request.param, request)) as opened:
        yield opened


@pytest.fixture(params=[*schemes("identities"), *CACHED])
async def social(request: pytest.FixtureRequest) -> AsyncIterator[SocialStores]:
    url = url_for(request.param.removeprefix(NEAR_CACHE), request)
    async with open_social(url, near_cache=request.param.startswith(NEAR_CACHE)) as opened:
        yield opened


@pytest.fixture(params=schemes("outbox"))
def mail_url(request: pytest.FixtureRequest) -> str:
    return url_for(request.param, request)


@pytest.fixture
async def mail(mail_url: str) -> AsyncIterator[MailStores]:
    async with open_mail(mail_url) as stores:
        yield stores


@pytest.fixture(params=[each for each in schemes("outbox") if each != "memory"])
async def two_mails(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[MailStores, MailStores]]:
    """Memory is left out: it belongs to one process."""
    url = url_for(request.param, request)
    async with open_mail(url) as one, open_mail(url) as other:
        yield one, other


def effects(event: Event) -> Effects:
    """Return the effects of a change with this audit event."""
    return Effects((event,))


async def by_hand(url: str, *statements: str | Executable) -> Sequence[Any]:
    """Execute statements on an SQL database in one transaction, without a store.

    :returns: the rows of the last statement.
    """
    address, options = connect_options(url)
    engine = create_async_engine(address, connect_args=options)
    rows: Sequence[Any] = []
    try:
        async with engine.begin() as connection:
            for each in statements:
                done = await connection.execute(text(each) if isinstance(each, str) else each)
                rows = done.all() if done.returns_rows else []
    finally:
        await engine.dispose()
    return rows
