"""Fixtures: the real service, on real database servers that these tests may stop."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.http.client import Client
from tests.support.commands import forked
from tests.support.processes import Service, a_service
from tests.support.servers import OURS, Server, postgres_server, redis_server
from tests.support.waiting import PATIENCE

SETTINGS = {
    "STORE_TIMEOUT": "10s",  # a busy machine is no outage
    "ARGON2_MEMORY_KIB": "19456",  # the minimum, for speed
    "LOGIN_LIMIT_ADDRESS": "off",  # all clients have one address
    "REGISTER_LIMIT_ADDRESS": "off",
    "REFRESH_LIMIT_ACCOUNT": "off",  # some clients refresh without a pause
}
STEADY = {"REVOCATION_BOUND": "60s"}
"""For tests that expect only successes. A worker without a processor for as long as the bound
refuses the next login: it cannot know whether a key was revoked meanwhile.
"""


@pytest.fixture(scope="session")
def our_postgres() -> Iterator[Server]:
    """Migrate an empty database by the command."""
    with postgres_server(sources=OURS) as server:
        migrated = forked(Path("/"), "migrate", "up", DATABASE_URL=server.url)
        assert migrated.returncode == 0, migrated.stderr
        yield server


@pytest.fixture(scope="session")
def our_redis() -> Iterator[Server]:
    with redis_server(durable=True, sources=OURS) as server:
        yield server


@pytest.fixture(scope="session")
def on_servers(our_postgres: Server, our_redis: Server) -> dict[str, str]:
    """Return the settings of a service on PostgreSQL and Redis."""
    return SETTINGS | {"DATABASE_URL": our_postgres.url, "REDIS_URL": our_redis.url}


@contextmanager
def on_both_stacks(
    folder: Path, on_servers: dict[str, str], **more: str
) -> Iterator[dict[str, Service]]:
    """Start a service on the embedded default and one on servers, concurrently."""
    settings = {"sqlite": SETTINGS, "postgresql and redis": on_servers}
    with ExitStack() as stack, ThreadPoolExecutor() as threads:

        def start(name: str) -> Service:
            home = folder / name
            home.mkdir()
            return stack.enter_context(a_service(home, **settings[name], **more))

        yield dict(zip(settings, threads.map(start, settings), strict=True))


@contextmanager
def on_two_nodes(
    make_folder: Callable[[str], Path], settings: Mapping[str, str]
) -> Iterator[list[Service]]:
    """Start two nodes, each with its own folder and port.

    :param settings: the stores and keys that both share.
    """
    folders = [make_folder(name) for name in ("a", "b")]
    with ExitStack() as stack, ThreadPoolExecutor() as threads:

        def start(folder: Path) -> Service:
            return stack.enter_context(a_service(folder, **settings))

        yield list(threads.map(start, folders))


@asynccontextmanager
async def clients_of(services: Sequence[Service]) -> AsyncIterator[list[Client]]:
    """A client of each node."""
    async with AsyncExitStack() as stack:
        clients = [Client(base_url=each.url, timeout=PATIENCE) for each in services]
        yield [await stack.enter_async_context(client) for client in clients]


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with Client(base_url=service.url, timeout=PATIENCE) as client:
        yield client
