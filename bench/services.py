"""Servers under measurement, in processes of their own: the service and its references."""

import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.testbed import StoreUrls, Testbed
from infrastructure.passwords.argon2_hasher import Cost
from tests.support.processes import SERVE, Service, a_service

ROOT = Path(__file__).resolve().parents[1]
APPLICATION = "BENCH_APPLICATION"
"""The variable that tells :mod:`bench.reference` which application to serve."""
REFERENCE = (sys.executable, "-m", "bench.reference")
BODY = "BENCH_BODY"
"""The variable with what the bare route answers."""


@dataclass(frozen=True, slots=True)
class Variant:
    """
    :ivar application: the factory's import string, for one of :mod:`bench.reference`; ``None`` is
        for `doorward serve`.
    :ivar settings: environment variables, beside the keys and the stores' URLs.
    """

    name: str
    application: str | None = None
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def started(
    testbed: Testbed, urls: StoreUrls, variants: Sequence[Variant]
) -> Iterator[dict[str, Service]]:
    """Start all variants of a comparison, by name; waiting for a turn costs nothing."""
    with ExitStack() as stack:
        running = {
            variant.name: stack.enter_context(_start(testbed, urls, variant))
            for variant in variants
        }
        yield running
        for end in (_terminate, Service.end):  # all at once; and then wait for them
            for service in running.values():
                end(service)


def _start(testbed: Testbed, urls: StoreUrls, variant: Variant) -> AbstractContextManager[Service]:
    folder = Path(tempfile.mkdtemp(dir=testbed.folder))
    environment = {
        "USERS_URL": urls.users,
        "SESSIONS_URL": urls.sessions,
        "WORKERS": str(variant.workers),
        "ARGON2_MEMORY_KIB": str(Cost().memory_kib),  # of the seeded hashes, too; tests have less
        **testbed.keys,
        **variant.settings,
    }
    if variant.application is None:
        return a_service(folder, SERVE, **environment)
    environment |= {APPLICATION: variant.application, "PYTHONPATH": str(ROOT)}
    return a_service(folder, REFERENCE, **environment)


def _terminate(service: Service) -> None:
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
