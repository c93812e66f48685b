"""The test bed of every measurement: real stores, signing keys and processes.

Nothing here outlives the run. PostgreSQL and Redis are servers that the benchmark starts itself.
"""

import asyncio
import base64
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from infrastructure.signing.signing_key import SigningKey
from infrastructure.storage.sql.migrations.runner import upgrade
from tests.support.databases import TemplateDatabases
from tests.support.servers import OURS, Server, postgres_server, redis_server


@dataclass(frozen=True, slots=True)
class Scale:
    """How long to measure, and on how much.

    :ivar rounds: how often each variant of a comparison has its turn.
    :ivar seconds: of one such turn.
    :ivar curves: how often each point of the latency plot is measured.
    :ivar populations: users (with a session each) in the stores, from few to many.
    :ivar logins: in one turn.
    :ivar storm_seconds: of one turn with or without a login storm.
    :ivar failed_logins: of each kind.
    :ivar mails: in the outbox.
    :ivar events: in the audit log.
    """

    rounds: int
    seconds: int
    curves: int
    populations: tuple[int, ...]
    logins: int
    storm_seconds: int
    revocations: int
    failed_logins: int
    mails: int
    events: int


BOUNDED = Scale(
    rounds=3,
    seconds=1,
    curves=2,
    populations=(1_000, 100_000),
    logins=24,
    storm_seconds=4,
    revocations=1000,
    failed_logins=50,
    mails=1_000,
    events=1_000_000,
)
FULL = Scale(
    rounds=7,
    seconds=4,
    curves=3,
    populations=(1_000, 100_000, 1_000_000),
    logins=96,
    storm_seconds=15,
    revocations=1_000,
    failed_logins=300,
    mails=10_000,
    events=10_000_000,
)


@dataclass(frozen=True, slots=True)
class StoreUrls:
    users: str
    sessions: str


@dataclass
class Testbed:
    """
    :ivar keys: the environment variables with the signing keys, of the size that the service
        makes for itself.
    :ivar processes: for work beside the service: minting tokens, raw rates.
    """

    folder: Path
    postgres: Server
    redis: Server
    databases: TemplateDatabases
    keys: Mapping[str, str]
    processes: ProcessPoolExecutor
    _redis_databases: list[int] = field(default_factory=lambda: list(range(16)))

    @contextmanager
    def stores(self) -> Iterator[StoreUrls]:
        """Empty ones, with their tables; they are emptied afterwards."""
        number = self._redis_databases.pop()
        sessions = f"{self.redis.url[:-1]}{number}"
        try:
            with self.databases.fresh() as users:
                yield StoreUrls(users, sessions)
        finally:
            with Redis.from_url(sessions) as client:
                client.flushdb()
            self._redis_databases.append(number)


@contextmanager
def open_testbed() -> Iterator[Testbed]:
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(sources=OURS))
        redis = stack.enter_context(redis_server(sources=OURS))
        databases = TemplateDatabases(postgres.url, lambda url: asyncio.run(upgrade(url)))
        yield Testbed(
            Path(stack.enter_context(TemporaryDirectory(prefix="doorward-bench-"))),
            postgres,
            redis,
            stack.enter_context(databases),
            _new_keys(),
            stack.enter_context(ProcessPoolExecutor(2, get_context("spawn"))),
        )


def _new_keys() -> dict[str, str]:
    return {
        f"{kind}_TOKEN_PRIVATE_KEY": base64.b64encode(SigningKey.generate().private_pem()).decode()
        for kind in ("ACCESS", "REFRESH")
    }
