"""Servers under measurement, in processes of their own: the service and its references."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.testbed import StoreUrls, Testbed
from tests.processes import PATIENCE, Service, a_service

ROOT = Path(__file__).resolve().parents[1]
APPLICATION = "BENCH_APPLICATION"
"""The variable that tells :mod:`bench.reference` which application to serve."""
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


class ReferenceService(Service):
    """`python -m bench.reference` instead of `doorward serve`."""

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "PORT": str(self.port), **self.environment}
        command = [sys.executable, "-m", "bench.reference"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, f"it ended by itself:\n{self.log}"
            assert time.monotonic() < deadline, f"it does not answer:\n{self.log}"
            time.sleep(0.02)


@contextmanager
def started(
    testbed: Testbed, urls: StoreUrls, variants: Sequence[Variant]
) -> Iterator[dict[str, Service]]:
    """All variants of a comparison at once, by name; who waits for a turn costs nothing."""
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
        **testbed.keys,
        **variant.settings,
    }
    if variant.application is None:
        return a_service(folder, **environment)
    environment |= {APPLICATION: variant.application, "PYTHONPATH": str(ROOT)}
    return _a_reference(folder, environment)


def _terminate(service: Service) -> None:
    assert service.process is not None
    service.process.terminate()


@contextmanager
def _a_reference(folder: Path, environment: Mapping[str, str]) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = ReferenceService(folder, environment, port)
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.end()
