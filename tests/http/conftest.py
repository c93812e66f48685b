"""The whole application over HTTP, on each of the combinations of stores that people run."""

import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from dishka import AsyncContainer, Provider, Scope
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp

import api.app
from api.security.credential_reader import Connection
from api.security.guard import Guard
from api.security.origin_policy import OriginPolicy
from application.ports import (
    CachedSessions,
    CachedTokens,
    CachedUsers,
    Clock,
    Devices,
    HealthChecks,
    PasswordHasher,
    RateLimiter,
    SessionStore,
    TokenSigner,
    UserRepository,
)
from domain.token import TokenKind
from doorward.wiring.container import make_container
from infrastructure.config.settings import Settings
from infrastructure.signing.device_tokens import HmacDevices
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from infrastructure.storage.near_cache.uncached import UncachedSessions, UncachedUsers
from tests.http.people import CLIENT_ORIGIN, ORIGIN, Client, a_client
from tests.http.trouble import (
    Trouble,
    TroubledRateLimiter,
    TroubledSessions,
    TroubledUsers,
)
from tests.support.builders import NOW, devices_of
from tests.support.doubles import QuickHasher, SettableClock

STACKS = {
    "memory": ("memory_url", "memory_url"),
    "sqlite": ("sqlite_url", "sqlite_url"),
    "postgresql": ("postgres_url", "postgres_url"),
    "postgresql and redis": ("postgres_url", "redis_url"),
    "sqlite and redis": ("sqlite_url", "redis_url"),
}
"""Where the users and where the sessions are. ``test_journey.py`` runs on all of them."""

DEPLOYED = ("sqlite", "postgresql and redis")
"""One database for all, and two stores. The others fulfil the same contracts."""

each_stack = pytest.mark.parametrize("settings", DEPLOYED, indirect=True)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def origin_policy(request: pytest.FixtureRequest) -> OriginPolicy:
    """On this machine, unless the test says at which origin."""
    return OriginPolicy(getattr(request, "param", ORIGIN), frozenset({CLIENT_ORIGIN}))


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Of the stores in memory, unless the test is for every stack."""
    users, sessions = STACKS[getattr(request, "param", "memory")]
    return Settings.read(
        {
            "USERS_URL": request.getfixturevalue(users),
            "SESSIONS_URL": request.getfixturevalue(sessions),
            "DOORWARD_DATA": str(tmp_path),
            "STORE_TIMEOUT": "60s",  # a busy machine is no outage
        }
    )


@pytest.fixture
def trouble() -> Trouble:
    """For tests that want stores that fail, once they say how. Those are in memory."""
    return Trouble()


@pytest.fixture(scope="session")
def devices(keys: dict[TokenKind, SigningKey]) -> HmacDevices:
    return devices_of(keys[TokenKind.REFRESH])


@pytest.fixture
def replacements(
    request: pytest.FixtureRequest,
    clock: SettableClock,
    keys: dict[TokenKind, SigningKey],
    signer: JwtSigner,
    devices: HmacDevices,
    origin_policy: OriginPolicy,
) -> Provider:
    """A clock that the test sets, quick hashes and ready-made keys."""
    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: origin_policy, provides=OriginPolicy)
    provider.provide(lambda: clock, provides=Clock)
    provider.provide(_hasher, provides=PasswordHasher)
    provider.provide(lambda: KeyRingWatcher.fixed(keys), provides=KeyRingWatcher)
    tokens = VerifiedTokenCache(signer, 1000, clock)
    provider.provide(lambda: tokens, provides=TokenSigner)
    provider.provide(lambda: tokens, provides=CachedTokens)
    provider.provide(lambda: devices, provides=Devices)
    if "trouble" in request.fixturenames:
        trouble: Trouble = request.getfixturevalue("trouble")
        users, sessions = TroubledUsers(trouble), TroubledSessions(trouble)
        provider.provide(lambda: users, provides=UserRepository)
        provider.provide(lambda: sessions, provides=SessionStore)
        provider.provide(lambda: UncachedUsers(users), provides=CachedUsers)
        provider.provide(lambda: UncachedSessions(sessions), provides=CachedSessions)
        provider.provide(lambda: TroubledRateLimiter(trouble), provides=RateLimiter)
        provider.provide(lambda: trouble.health_checks, provides=HealthChecks)
    return provider


def _hasher() -> QuickHasher:
    return QuickHasher()


@pytest.fixture
async def container(settings: Settings, replacements: Provider) -> AsyncIterator[AsyncContainer]:
    """The container of the service, with the replacements."""
    container = make_container(settings, replacements)
    yield container
    await container.close()


class SwitchedGuard:
    """The guard of the application that is tested now.

    Litestar takes 50 ms to build the routes, so they are built once and get the guard, the
    middleware and the container of one test after the other.
    """

    current: Guard

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        await self.current(connection, handler)


@pytest.fixture(scope="session")
def routes_of() -> Callable[[OriginPolicy, Guard], Litestar]:
    """What takes the place of the function in ``api.app`` that builds the routes."""
    make: Any = api.app._routes

    @functools.cache
    def built(origin_policy: OriginPolicy) -> tuple[Litestar, ASGIApp, SwitchedGuard]:
        guard = SwitchedGuard()
        app = make(origin_policy, guard)
        return app, app.asgi_handler, guard

    def routes(origin_policy: OriginPolicy, guard: Guard) -> Litestar:
        app, handler, switched = built(origin_policy)
        app.asgi_handler, switched.current = handler, guard
        return app

    return routes


@pytest.fixture
async def app(
    container: AsyncContainer, routes_of: Callable[[OriginPolicy, Guard], Litestar]
) -> Litestar:
    """The application as it is deployed, with the replacements."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.app._routes", routes_of)
        app: Litestar = await container.get(Litestar)
    return app


@pytest.fixture
async def own_app(container: AsyncContainer) -> Litestar:
    """The application with routes of its own, for tests that add to them."""
    app: Litestar = await container.get(Litestar)
    return app


@pytest.fixture
async def client(app: Litestar, origin_policy: OriginPolicy) -> AsyncIterator[Client]:
    """A program with a cookie jar."""
    async with a_client(app, origin_policy.origin) as client:
        yield client


@pytest.fixture
async def users(container: AsyncContainer) -> UserRepository:
    """The users behind the application."""
    repository: UserRepository = await container.get(UserRepository)
    return repository
