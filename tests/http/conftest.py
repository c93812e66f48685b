"""The whole application over HTTP, on each of the combinations of stores that people run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from dishka import AsyncContainer, Provider
from litestar import Litestar

from api.security.origin_policy import OriginPolicy
from application.mail.delivery import DeliverMail
from application.ports import IdentityProviders, Letter, MailSender, UserRepository
from domain.token import TokenKind
from infrastructure.config.settings import Settings
from infrastructure.mail.memory import MemoryMail
from infrastructure.signing.device_tokens import HmacDevices
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.key_ring_watcher import KeyRingWatcher
from infrastructure.signing.signing_key import SigningKey
from infrastructure.signing.verified_token_cache import VerifiedTokenCache
from tests.http.client import CLIENT_ORIGIN, ORIGIN, Client, a_client
from tests.http.faults import Faults
from tests.http.replacements import Builder, Doubles
from tests.support.builders import NOW, devices_of
from tests.support.doubles import SettableClock

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
    """The policy of an origin on this machine; a test may pass an origin or a policy."""
    policy = getattr(request, "param", ORIGIN)
    if isinstance(policy, OriginPolicy):
        return policy
    return OriginPolicy(policy, frozenset({CLIENT_ORIGIN}))


@pytest.fixture
def identity_providers() -> IdentityProviders:
    """Other providers: none, unless a test overrides this."""
    return IdentityProviders()


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with stores in memory, unless the test is for every stack."""
    users, sessions = STACKS[getattr(request, "param", "memory")]
    return Settings.read(
        {
            "USERS_URL": request.getfixturevalue(users),
            "SESSIONS_URL": request.getfixturevalue(sessions),
            "DOORWARD_DATA": str(tmp_path),
            "STORE_TIMEOUT": "60s",  # a busy machine is no outage
            "MAIL_URL": "memory:",
            "EMAIL_VERIFICATION": "off",  # see test_email_verification.py
        }
    )


@pytest.fixture
def faults() -> Faults:
    """Faults of the stores in memory, which the test sets."""
    return Faults()


@pytest.fixture(scope="session")
def devices(keys: dict[TokenKind, SigningKey]) -> HmacDevices:
    return devices_of(keys[TokenKind.REFRESH])


@pytest.fixture(scope="session")
def builder() -> Builder:
    return Builder()


@pytest.fixture(scope="session")
def other_builder() -> Builder:
    """Of a second application in the same test."""
    return Builder()


@pytest.fixture
def replacements(
    request: pytest.FixtureRequest,
    builder: Builder,
    clock: SettableClock,
    keys: dict[TokenKind, SigningKey],
    signer: JwtSigner,
    devices: HmacDevices,
    origin_policy: OriginPolicy,
) -> Sequence[Provider]:
    """A clock that the test sets, quick hashes and ready-made keys."""
    tokens = VerifiedTokenCache(signer, 1000, clock)
    doubles = Doubles(
        clock,
        KeyRingWatcher.fixed(keys),
        tokens,
        devices,
        origin_policy,
        request.getfixturevalue("identity_providers"),
    )
    has_faults = "faults" in request.fixturenames
    return builder.providers(doubles, request.getfixturevalue("faults") if has_faults else None)


@pytest.fixture
async def container(
    builder: Builder, settings: Settings, replacements: Sequence[Provider]
) -> AsyncIterator[AsyncContainer]:
    """The container of the service, with the replacements."""
    async with builder.container(settings, replacements) as container:
        yield container


@pytest.fixture
async def app(container: AsyncContainer, builder: Builder) -> Litestar:
    """The application as it is deployed, with the replacements."""
    with builder.shared_routes():
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


ReadMail = Callable[[], Awaitable[list[Letter]]]


@pytest.fixture
async def read_mail(container: AsyncContainer) -> ReadMail:
    """Deliver the queued mail, and return the letters that arrived with it."""
    deliver = await container.get(DeliverMail)
    sender = await container.get(MailSender)
    assert isinstance(sender, MemoryMail)

    async def read() -> list[Letter]:
        before = len(sender.sent)
        await deliver()
        return list(sender.sent)[before:]

    return read


@pytest.fixture
async def users(container: AsyncContainer) -> UserRepository:
    """The users behind the application."""
    repository: UserRepository = await container.get(UserRepository)
    return repository
