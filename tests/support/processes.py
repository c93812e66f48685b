"""The service as people run it: the command `doorward serve`, in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.watch import secrets_in

COMMAND = str(Path(sys.executable).with_name("doorward"))
SERVE = (COMMAND, "serve")
PATIENCE = 120.0  # seconds, for a machine that is busy with other workers


@dataclass
class Service:
    """
    :ivar folder: where it runs: its ``var`` and its log are there.
    :ivar environment: what is configured, beside PORT. Nothing of this process's is passed on. It
        ends without a delay, unless that is configured.
    """

    folder: Path
    environment: Mapping[str, str]
    port: int
    command: Sequence[str] = SERVE
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it, or start it again on what it has left behind."""
        own = {"PATH": os.environ["PATH"], "PORT": str(self.port), "SHUTDOWN_DELAY": "0s"}
        environment = own | dict(self.environment)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, f"it ended by itself:\n{self.log}"
            assert time.monotonic() < deadline, f"it does not answer:\n{self.log}"
            time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """
        :returns: its exit code.
        """
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def a_service(
    folder: Path, command: Sequence[str] = SERVE, **environment: str
) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = Service(folder, environment, port, command)
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.end(signal.SIGKILL)
    assert secrets_in(service.log) == []
