"""Fork the command ``doorward`` off a process that has imported it: a program that the tests run.

Two thirds of the computing time of a start go into imports. The forked process is the service in
all else: it has its own folder, environment, log and signals, and reads its settings after the
fork. Its worker processes are forked too. Its password hashes are cheap if it asks for the lowest
cost. ``tests/cli/test_serve.py`` starts the command itself, with workers that are spawned.

Each request on the control socket, one line of JSON with three descriptors, starts a command::

    {"command": ["doorward", "serve"], "folder": "/tmp/a", "environment": {"PORT": "8000"},
     "constants": {"doorward.server.graceful_server.GRACE": 1}, "terminal": ""}

Instead of ``doorward``, the first word may name a module with a ``main``: another program of tests
that runs what is loaded here.

The first two descriptors are its standard output and standard error. The third one gets two
lines, the process id and, when the process has ended, its exit code, negative for a signal.
"""

import asyncio
import gc
import json
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from datetime import timedelta
from importlib import import_module

import uvicorn._subprocess
import uvloop  # noqa: F401 - to be there already

import api.app
import doorward.cli.serve
import doorward.cli.users
from api.lifecycle import Lifecycle
from doorward.cli.main import main
from doorward.diagnostics import preflight
from doorward.main import open_app
from doorward.parent import supervise
from doorward.server import signals
from doorward.wiring import container, passwords
from infrastructure.config.settings import Settings
from infrastructure.passwords.common_passwords import COMMON_PASSWORDS
from infrastructure.storage.backends import BUILT_IN
from infrastructure.storage.backends import load as load_backend
from tests.support import cheap_hashes
from tests.support.shared_app import SharedGraph, SharedRoutes
from tests.support.waiting import until_no_other_thread_runs

LONGEST = 1 << 20
ON_DEMAND = [
    "asyncpg",
    "infrastructure.passkeys.webauthn",
    "infrastructure.storage.sql.connection.driver",
    "infrastructure.storage.sql.migrations.runner",
    "segno",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "ua_parser",
]


def load() -> None:
    """Load what the service loads on demand, by a start: plugins, migrations, lists of passwords.

    The graph of the container and the routes are built once, see ``shared_app.py``. No collection
    of a forked process visits all that, which would copy its memory as well.
    """
    vars(container)["make_async_container"] = SharedGraph()
    vars(passwords)["Cost"] = cheap_hashes.cost
    vars(api.app)["_routes"] = SharedRoutes()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(start(Settings.read({"DOORWARD_DATA": folder, "TOKEN_ALGORITHM": "EdDSA"})))
    load_the_rest()
    tempfile.tempdir = None  # a service looks at its own TMPDIR
    until_no_other_thread_runs()
    gc.collect()
    gc.freeze()


async def start(settings: Settings) -> None:
    await preflight.prepare_service(settings)
    async with open_app(settings, Lifecycle()):
        pass


def load_the_rest() -> None:
    """Load what services load with the first request that needs it."""
    for scheme in BUILT_IN:
        load_backend(scheme)
    for module in ON_DEMAND:
        import_module(module)
    assert "password" in COMMON_PASSWORDS


def fork_services(control: socket.socket) -> None:
    """Serve requests until the control socket is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the guardians are not waited for
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, LONGEST, 3)
        if not request:
            return
        while not request.endswith(b"\n"):
            request += control.recv(LONGEST)
        if os.fork() == 0:
            control.close()
            guard(json.loads(request), *descriptors)
        for each in descriptors:
            os.close(each)


def guard(request: dict[str, object], output: int, errors: int, status: int) -> None:
    """Fork the service, and report its id and its end: only a parent gets an exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.close(output)
        os.close(errors)
        run(**request)  # type: ignore[arg-type]
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def fork_workers() -> None:
    """Let this process fork its workers, which begin without its signal handlers, as spawned."""
    context = multiprocessing.get_context("fork")
    uvicorn._subprocess.spawn = context  # type: ignore[assignment] # another context
    os.register_at_fork(after_in_child=reset_signals)
    os.register_at_fork(after_in_child=forget_prometheus)


def reset_signals() -> None:
    """Do what an ``exec`` does to handlers of signals, and Python to SIGINT."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def forget_prometheus() -> None:
    """Let a worker import prometheus_client itself: it decides then where its metrics are."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "prometheus_client"]:
        del sys.modules[name]


def run(
    command: list[str],
    folder: str,
    environment: dict[str, str],
    constants: dict[str, float],
    terminal: str,
) -> None:
    """Run the command in this process, with this environment and no other.

    :param constants: values of module constants by their names; of times, in seconds.
    :param terminal: the path of the one that becomes its own, and its standard input.
    """
    if terminal:
        os.setsid()
        os.dup2(opened := os.open(terminal, os.O_RDWR), 0)  # the first one of a session is its own
        os.close(opened)
        vars(signals)["_HAD_TERMINAL"] = True  # as its import would find
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        is_time = isinstance(getattr(sys.modules[module], constant), timedelta)
        setattr(sys.modules[module], constant, timedelta(seconds=value) if is_time else value)
    fork_workers()
    vars(doorward.cli.serve)["become_parent"] = supervise  # in this program, as it is imported
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    program = command[0]
    (main if program == "doorward" else import_module(program).main)()
    sys.exit(0)


if __name__ == "__main__":
    load()
    fork_services(socket.socket(fileno=int(sys.argv[1])))
