"""Fixtures of all tests: signing keys, and databases for the stores.

Servers start when the first test needs them and are gone after the last one.
"""

import asyncio
import functools
import gc
import logging
import os
import shutil
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import hypothesis
import pytest
import redis

from domain.token import TokenKind
from infrastructure.signing.algorithms import EDDSA
from infrastructure.signing.jwt_signer import JwtSigner
from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.backends import BUILT_IN, load
from infrastructure.storage.sql.migrations.runner import upgrade
from infrastructure.telemetry.logging import configure_logging
from tests.support import servers
from tests.support.builders import a_signer, a_signing_key
from tests.support.compiled_statements import compile_statements_once
from tests.support.databases import ReusedDatabase, TemplateDatabases, looked_at_once
from tests.support.processes import Service, a_service
from tests.support.secret_watch import SecretWatch, watch_passwords

# The same examples in each run: a failure is the change's, not the dice's.
hypothesis.settings.register_profile("doorward", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("doorward")


class TestedBackend(NamedTuple):
    """A storage backend under test.

    :ivar fixture: gives the URL of an empty, migrated database to each test.
    :ivar is_networked: whether it is also tested with a connection that breaks.
    """

    fixture: str
    is_networked: bool = False


PLACES = {
    "memory": TestedBackend("memory_url"),
    "sqlite": TestedBackend("sqlite_url"),
    "postgresql": TestedBackend("postgres_url", is_networked=True),
    "redis": TestedBackend("redis_url", is_networked=True),
}
"""By the schemes of ``infrastructure/storage/backends.py``. A new backend needs an entry here."""

_SLOW_FOLDERS = ("system", "cli", "project", "model", "schema", "browser")

_SECONDS = {
    "browser": 110,
    "test_fuzz.py": 55,
    "test_crash_between_steps.py": 45,
    "test_races.py": 43,
    "test_rolling.py": 40,
    "test_users.py": 31,
    "test_near_workers.py": 28,
    "test_restore.py": 25,
    "test_rotation.py": 22,
    "test_traces.py": 20,
    "test_near_races.py": 18,
    "test_migrations.py": 17,
    "test_metrics_server.py": 16,
    "test_slow_callers.py": 16,
    "test_two_nodes.py": 15,
    "test_serve.py": 14,
    "test_online_migrations.py": 14,
    "test_state_machine.py": 13,
    "test_program.py": 11,
    "test_readme.py": 10,
    "test_audit.py": 9,
    "test_outages.py": 9,
}
"""What the slowest files and folders take in a parallel run."""

_SECONDS_OF_OTHERS = 4
"""What each other file in the slow folders takes. It need not be exact."""

OTHER_NAMES = {"postgres": "postgresql", "rediss": "redis", "unix": "redis"}
"""Schemes of the same backend that reach it another way; they are not tested twice."""


def schemes(role: str, *, networked: bool = False) -> list[str]:
    """The schemes whose backends keep users, or sessions; or only those behind a network."""
    return [
        scheme
        for scheme in BUILT_IN
        if getattr(load(scheme), role) and scheme not in OTHER_NAMES
        if not networked or (scheme in PLACES and PLACES[scheme].is_networked)
    ]


def url_for(scheme: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database for this test."""
    if scheme not in PLACES:
        pytest.fail(
            f"infrastructure/storage/backends.py registers {scheme!r}, and no test knows a URL "
            "for it: add one to PLACES in tests/conftest.py",
            pytrace=False,
        )
    return str(request.getfixturevalue(PLACES[scheme].fixture))


def pytest_configure() -> None:
    """Keep the temporary folders of tests, with their SQLite files, in memory.

    The collection of tests makes thousands of objects that live until the end, and little garbage:
    a third of its time would go into looking for some.
    """
    gc.disable()
    if memory := servers.memory_folder():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return three processes for two processors: some tests wait, and each process collects all.

    ``--numprocesses=logical`` starts one for each, for tests that never wait.
    """
    processors = os.cpu_count() or 1
    more = 0 if config.option.numprocesses == "logical" else (processors + 1) // 2
    return processors + more


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Mark tests that need more than this process and its memory as ``system``.

    In a parallel run, each process begins with a share of the folders whose tests take longest;
    pytest's own order, by parameters of shared fixtures, would be the last one otherwise.
    """
    for item in items:
        if _is_of_the_system(item):
            item.add_marker(pytest.mark.system)
    yield
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    if processes > 1:
        items[:] = slowest_first(items, processes)


def pytest_collection_finish() -> None:
    """Exempt the thousands of tests from garbage collections: they live until the end.

    Each full collection would visit them and their modules: a fifth of the time of unit tests.
    What a test leaves is little, and rarely a cycle.
    """
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def slowest_first(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the tests in an order of which each process gets an equal part, as xdist deals it.

    The slow files of a part, the slowest first, are mixed with its other tests: many slow tests
    wait, while the others compute. Every second process begins with others. The tests of a slow
    file stay together: they share a service.
    """
    slow = [item for item in items if _folder(item) in _SLOW_FOLDERS]
    others = [item for item in items if _folder(item) not in _SLOW_FOLDERS]
    ordered: list[pytest.Item] = []
    for process, files in enumerate(_shares(slow, processes)):
        size = (len(items) - len(ordered)) // (processes - process)
        room = max(0, size - sum(map(len, files)))
        ordered += _mixed(files, others[:room], begins_with_others=bool(process % 2))
        del others[:room]
    return ordered + others


def _mixed(
    files: list[list[pytest.Item]], others: list[pytest.Item], *, begins_with_others: bool
) -> list[pytest.Item]:
    """Put as many of the others beside each file as its seconds are of all."""
    total = sum(map(_seconds, files))
    mixed: list[pytest.Item] = []
    begin = seconds = 0
    for file in files:
        seconds += _seconds(file)
        end = _next_file(others, len(others) * seconds // total)
        beside = others[begin:end]
        mixed += beside + file if begins_with_others else file + beside
        begin = end
    return mixed + others[begin:]


def _next_file(items: list[pytest.Item], index: int) -> int:
    """Return where the file of the test before the index ends: its tests stay together, too."""
    while 0 < index < len(items) and items[index].path == items[index - 1].path:
        index += 1
    return index


def _shares(slow: list[pytest.Item], processes: int) -> list[list[list[pytest.Item]]]:
    """Deal whole files, the slowest first, each to the process with the least time so far."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in slow:
        files.setdefault(_kept_together(item), []).append(item)
    shares: list[list[list[pytest.Item]]] = [[] for _ in range(processes)]
    taken = [0] * processes
    for tests in sorted(files.values(), key=_seconds, reverse=True):
        least = taken.index(min(taken))
        shares[least].append(tests)
        taken[least] += _seconds(tests)
    return shares


def _seconds(file: list[pytest.Item]) -> int:
    return _SECONDS.get(_kept_together(file[0]).name, _SECONDS_OF_OTHERS)


def _kept_together(item: pytest.Item) -> Path:
    """Return the file, or the folder if its files share what takes long to start: a browser."""
    return item.path.parent if _folder(item) == "browser" else item.path


def _folder(item: pytest.Item) -> str:
    return _folder_of(item.path)


@functools.cache
def _folder_of(file: Path) -> str:
    return file.relative_to(Path(__file__).parent).parts[0]


def _is_of_the_system(item: pytest.Item) -> bool:
    folder = _folder(item)
    fixtures = set(getattr(item, "fixturenames", ()))
    parameters = item.name.partition("[")[2]
    return (
        folder in {"browser", "cli", "project", "schema", "system"}
        or bool(fixtures & {"postgres", "redis_server", "migrated_sqlite", "service"})
        or any(each in parameters for each in ("sqlite", "postgres", "redis"))
    )


def pytest_report_header() -> str:
    return servers.describe()


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_logged_by_any_test() -> Iterator[None]:
    """Watch the log at the production level. ``http/secrecy/test_secrets.py`` watches more."""
    watch = SecretWatch()
    root = logging.getLogger()
    root.addHandler(watch)
    root.setLevel(logging.INFO)
    configure_logging()
    with watch_passwords():
        yield
    root.removeHandler(watch)
    assert watch.found == []


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Read the certificate authorities once: each new client of httpx takes 35 ms to do so."""
    with pytest.MonkeyPatch.context() as patch:
        create = functools.cache(httpx.create_ssl_context)
        patch.setattr("httpx._transports.default.create_ssl_context", create)
        yield


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    with compile_statements_once():
        yield


@pytest.fixture(scope="session")
def keys() -> dict[TokenKind, SigningKey]:
    return {kind: a_signing_key() for kind in TokenKind}


@pytest.fixture(scope="session")
def strange_key() -> SigningKey:
    """A fit key that is not ours."""
    return a_signing_key()


@pytest.fixture(scope="session")
def signer(keys: dict[TokenKind, SigningKey]) -> JwtSigner:
    return a_signer(keys)


@pytest.fixture(scope="session")
def quick_signer() -> JwtSigner:
    """Sign with Ed25519, much faster than with RSA: a use case sees no difference."""
    return a_signer({kind: SigningKey.generate(EDDSA) for kind in TokenKind})


@pytest.fixture
def memory_url() -> str:
    return "memory:"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """Without tables."""
    return f"sqlite:///{tmp_path}/empty.db"


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'doorward.db')}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Server]:
    with servers.postgres_server() as server, looked_at_once(server.url):
        yield server


@pytest.fixture(scope="session")
def migrated_databases(postgres: servers.Server) -> Iterator[TemplateDatabases]:
    with TemplateDatabases(postgres.url, _migrate) as databases:
        yield databases


@pytest.fixture(scope="session")
def empty_databases(postgres: servers.Server) -> Iterator[TemplateDatabases]:
    with TemplateDatabases(postgres.url, lambda _: None) as databases:
        yield databases


@pytest.fixture
def empty_postgres_url(empty_databases: TemplateDatabases) -> Iterator[str]:
    """Without tables."""
    with empty_databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def reused_database(migrated_databases: TemplateDatabases) -> Iterator[ReusedDatabase]:
    with ReusedDatabase(migrated_databases) as database:
        yield database


@pytest.fixture
def postgres_url(reused_database: ReusedDatabase) -> str:
    return reused_database.empty()


@pytest.fixture(scope="session")
def redis_server(worker_id: str) -> Iterator[servers.Server]:
    with servers.redis_server() as server:
        if not server.is_ours:
            server.url = _own_database(server.url, worker_id)
        yield server


def _own_database(url: str, worker_id: str) -> str:
    """Give each worker of a parallel run its own database on a Redis that they share."""
    if worker_id == "master":
        return url
    parts = urlsplit(url)
    database = int(parts.path.strip("/") or 0) + int(worker_id.removeprefix("gw"))
    return parts._replace(path=f"/{database}").geturl()


@pytest.fixture(scope="session")
def redis_client(redis_server: servers.Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture
def redis_url(redis_server: servers.Server, redis_client: redis.Redis) -> str:
    """The URL of a Redis database without keys of Doorward. Other keys stay: it may be shared."""
    if keys := list(redis_client.scan_iter("doorward:*", count=1000)):
        redis_client.delete(*keys)
    return redis_server.url


def _migrate(url: str) -> None:
    with ThreadPoolExecutor(1) as thread:  # the caller may have a loop of its own
        thread.submit(asyncio.run, upgrade(url)).result()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The command, running on its embedded default, with keys as it generates them."""
    with a_service(tmp_path, TOKEN_ALGORITHM="RS256") as service:
        yield service
