"""The service in a process of its own: the command `doorward serve`."""

import atexit
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from select import select
from threading import Lock
from typing import Protocol

from tests.support.secret_watch import secrets_in
from tests.support.waiting import PATIENCE

COMMAND = str(Path(sys.executable).with_name("doorward"))
SERVE = (COMMAND, "serve")
FORKED = ("doorward", "serve")
"""The same command in a process that has imported it."""
DEFAULTS = {
    "SHUTDOWN_DELAY": "0s",
    "STORE_TIMEOUT": "60s",  # a busy machine is no outage
    "ARGON2_MEMORY_KIB": "19456",  # the minimum, for speed
    "TOKEN_ALGORITHM": "EdDSA",  # an RSA key takes a fifth of a second, and a service makes four
}
"""Settings that a service of a test has unless it has others."""

ROOT = Path(__file__).parents[2]
"""The folder of the repository."""
_PRELOADED = Path(__file__).with_name("preloaded.py")
_one_at_a_time = Lock()
QUICK = {"TOKEN_ALGORITHM": "EdDSA", "ARGON2_MEMORY_KIB": "19456", "STORE_TIMEOUT": "60s"}
"""Settings for a service whose keys, hashes and time limits are not what a test is about."""


class Process(Protocol):
    """The part of :class:`subprocess.Popen` that tests need."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...


@dataclass
class ForkedProcess:
    """A command that was forked off the preloaded program, which reports its exit code.

    :ivar status: the descriptor on which it does.
    """

    pid: int
    status: int
    returncode: int | None = field(default=None, init=False)

    def poll(self) -> int | None:
        return self._await(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._await(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(SERVE, timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _await(self, timeout: float | None) -> int | None:
        if self.returncode is None and select([self.status], [], [], timeout)[0]:
            self.returncode = int(os.read(self.status, 20))
            os.close(self.status)
        return self.returncode


@cache
def _preloaded() -> socket.socket:
    """Start the program that forks services; return its control socket. It ends with this one."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            # -P: do not import modules from its folder, which are tests.
            [sys.executable, "-P", _PRELOADED, str(its.fileno())],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait(PATIENCE)

    atexit.register(end)
    return ours


def fork(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    output: int,
    errors: int,
    constants: Mapping[str, float] | None = None,
    terminal: str = "",
) -> ForkedProcess:
    """Run ``doorward``, or a module with a ``main``, in a process that has imported it.

    :param output: the descriptor that becomes standard output; ``errors`` standard error.
    :param constants: of its modules, by name, which it has instead of its own.
    :param terminal: the path of the one on which it runs, without standard output and error.
    """
    request = {
        "command": list(command),
        "folder": str(folder),
        "environment": dict(environment),
        "constants": dict(constants or {}),
        "terminal": terminal,
    }
    status, its = os.pipe()
    with _one_at_a_time:
        sent = [output, errors, its]
        socket.send_fds(_preloaded(), [json.dumps(request).encode(), b"\n"], sent)
        os.close(its)
        return ForkedProcess(int(os.read(status, 20)), status)


@dataclass
class Service:
    """A service in a process of its own.

    :ivar folder: where it runs: its ``var`` and its log are there.
    :ivar environment: the settings, except PORT. Nothing of this process's is passed on. It
        ends without a delay and waits for its stores, unless that is configured.
    :ivar command: how it is started; forked off what has imported it unless it begins with a path.
    :ivar constants: of its modules, by name, which an imported service has instead of its own:
        time limits that a test cannot wait for.
    """

    folder: Path
    environment: Mapping[str, str]
    port: int
    command: Sequence[str] = FORKED
    process: Process | None = None
    constants: Mapping[str, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it, or start it again on its data."""
        own = {"PATH": os.environ["PATH"], "PORT": str(self.port)}
        environment = own | DEFAULTS | dict(self.environment)
        with (self.folder / "log").open("ab") as log:
            self.process = (
                fork(
                    self.command,
                    self.folder,
                    environment,
                    log.fileno(),
                    log.fileno(),
                    self.constants,
                )
                if os.sep not in self.command[0]
                else subprocess.Popen(
                    self.command, cwd=self.folder, env=environment, stdout=log, stderr=log
                )
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
    folder: Path,
    command: Sequence[str] = FORKED,
    constants: Mapping[str, float] | None = None,
    /,
    **environment: str,
) -> Iterator[Service]:
    service = Service(folder, environment, free_port(), command, constants=constants or {})
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.end(signal.SIGKILL)
    assert secrets_in(service.log) == []
