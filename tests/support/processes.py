"""The service as people run it: the command `doorward serve`, in a process of its own."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import PATIENCE
from tests.support.watch import secrets_in

COMMAND = str(Path(sys.executable).with_name("doorward"))
SERVE = (COMMAND, "serve")
QUICK = {"TOKEN_ALGORITHM": "EdDSA", "ARGON2_MEMORY_KIB": "19456", "STORE_TIMEOUT": "60s"}
"""Settings for a service whose keys, hashes and time limits are not what a test is about."""


@dataclass
class Service:
    """A service in a process of its own.

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
        while not self.answers():
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

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """Return a port below those that the system gives to clients, so that none takes it."""
    while True:
        port = 10_000 + secrets.randbelow(10_000)  # the servers' are above
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


@contextmanager
def a_service(
    folder: Path, command: Sequence[str] = SERVE, **environment: str
) -> Iterator[Service]:
    service = Service(folder, environment, free_port(), command)
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.end(signal.SIGKILL)
    assert secrets_in(service.log) == []
