"""Fixtures of the conformance suite: one backend, at the URL of ``--doorward-url``.

A package whose stores need another way to be emptied overrides ``store_url``.
"""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from application.ports import AuditLog, FigureStore, RateLimiter, SessionStore, UserRepository
from doorward.conformance.support.examples import ADA, EVE
from doorward.conformance.support.opening import (
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
from infrastructure.storage.backends import Backend, find_backend

DIRECT, NEAR_CACHE = "direct", "near cache"


@pytest.fixture
def store_url(pytestconfig: pytest.Config) -> str:
    """Return the URL of an empty location for this test."""
    url: str | None = pytestconfig.getoption("--doorward-url")
    if url is None:
        pytest.fail("name the backend: --doorward-url=SCHEME://...{unique}", pytrace=False)
    return url.replace("{unique}", secrets.token_hex(8))


@pytest.fixture
def backend(store_url: str) -> Backend[Any]:
    scheme = store_url.partition(":")[0].partition("+")[0]
    found = find_backend(scheme)
    if found is None:
        pytest.fail(f"no backend has the scheme {scheme}", pytrace=False)
    return found


def _skip_without(part: object, reason: str) -> None:
    """Skip the test if the backend lacks a part."""
    if part is None:
        pytest.skip(f"the backend {reason}")


@pytest.fixture(params=[DIRECT, NEAR_CACHE])
def near_cache(request: pytest.FixtureRequest, backend: Backend[Any]) -> bool:
    if request.param == NEAR_CACHE and backend.feed is None:
        pytest.skip("the backend has no invalidation feed, so nothing is cached")
    is_near: bool = request.param == NEAR_CACHE
    return is_near


@pytest_asyncio.fixture
async def users(
    backend: Backend[Any], store_url: str, near_cache: bool
) -> AsyncIterator[UserRepository]:
    _skip_without(backend.users, "stores no users")
    async with open_users(store_url, near_cache=near_cache) as opened:
        yield opened


@pytest_asyncio.fixture
async def uncached_users(backend: Backend[Any], store_url: str) -> AsyncIterator[UserRepository]:
    """Open the users without the near cache, for methods that it only passes on."""
    _skip_without(backend.users, "stores no users")
    async with open_users(store_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def sessions(
    backend: Backend[Any], store_url: str, near_cache: bool
) -> AsyncIterator[SessionStore]:
    _skip_without(backend.sessions, "stores no sessions")
    async with open_sessions(store_url, near_cache=near_cache) as opened:
        yield opened


@pytest_asyncio.fixture
async def limiter(backend: Backend[Any], store_url: str) -> AsyncIterator[RateLimiter]:
    _skip_without(backend.rate_limiter, "counts no attempts")
    async with open_limiter(store_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def two_limiters(
    backend: Backend[Any], store_url: str
) -> AsyncIterator[tuple[RateLimiter, RateLimiter]]:
    _skip_without(backend.rate_limiter, "counts no attempts")
    async with open_limiter(store_url) as one, open_limiter(store_url) as other:
        yield one, other


@pytest.fixture
def audit_log_url(backend: Backend[Any], store_url: str) -> str:
    """Return the URL of an empty location for users and an audit log."""
    _skip_without(backend.audit_log and backend.users, "keeps no audit log beside its users")
    return store_url


@pytest_asyncio.fixture
async def audit_log(audit_log_url: str) -> AsyncIterator[AuditLog]:
    """Open an empty log; the users ADA and EVE are stored."""
    await add_users(audit_log_url, ADA, EVE)
    async with open_audit_log(audit_log_url) as log:
        yield log


@pytest_asyncio.fixture
async def figures(backend: Backend[Any], store_url: str) -> AsyncIterator[FigureStore]:
    _skip_without(backend.figures and backend.users, "keeps no figures beside its users")
    async with open_figures(store_url) as opened:
        yield opened


@pytest.fixture
def mail_url(backend: Backend[Any], store_url: str) -> str:
    """Return the URL of an empty location for users, an outbox and one-time tokens."""
    if backend.users is None or backend.outbox is None or backend.one_time_tokens is None:
        pytest.skip("the backend keeps no outbox beside its users")
    return store_url


@pytest_asyncio.fixture
async def mail(mail_url: str) -> AsyncIterator[MailStores]:
    async with open_mail(mail_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def two_mails(mail_url: str) -> AsyncIterator[tuple[MailStores, MailStores]]:
    """Open the stores as two processes do."""
    async with open_mail(mail_url) as one, open_mail(mail_url) as other:
        yield one, other


@pytest_asyncio.fixture
async def stores(backend: Backend[Any], store_url: str) -> AsyncIterator[FactorStores]:
    _skip_without(
        backend.second_factors and backend.challenges and backend.passkeys and backend.outbox,
        "keeps no second factors beside its users",
    )
    async with open_factors(store_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def social(
    backend: Backend[Any], store_url: str, near_cache: bool
) -> AsyncIterator[SocialStores]:
    _skip_without(
        backend.users and backend.identities and backend.flows and backend.outbox,
        "keeps no identities beside its users",
    )
    async with open_social(store_url, near_cache=near_cache) as opened:
        yield opened


@pytest.fixture
def names_users() -> bool:
    """Whether the feed has to name the changed user. It may report a change of any user."""
    return False
