"""The parent of several server processes. It imports little, and stays small: 30 MB.

``doorward serve`` has checked the configuration and listens. Then it replaces its own program by
this one, under the same process id.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import Pipe
from typing import Any, NoReturn

import uvicorn._subprocess
from uvicorn import Config

from doorward.env_file import Environment
from doorward.server.signals import exit_on_signals
from doorward.server.supervisor import Workers, sigint_blocked
from doorward.starting import starting
from doorward.worker import check_configuration

_EXIT = {signal.SIGINT, signal.SIGTERM}
_PROGRAM = "import sys; sys.path[:] = {path!r}; from doorward.parent import main; main()"
"""``-m`` would import modules from the current folder."""


@dataclass(frozen=True, slots=True)
class Service:
    """What the parent takes over.

    :ivar listener: the descriptor of the socket that listens.
    :ivar metrics: the same for metrics; ``None`` if they are off.
    :ivar from_file: the names of the environment variables that the file ``.env`` has set.
    """

    workers: int
    listener: int
    metrics: int | None
    logs: dict[str, Any]
    from_file: list[str]


def become_parent(service: Service) -> NoReturn:
    """Replace the program of this process by the parent's."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _EXIT)  # until the parent handles them
    sys.stdout.flush()
    sys.stderr.flush()
    program = _PROGRAM.format(path=sys.path)
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    arguments = [*flags, "-c", program, json.dumps(asdict(service))]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - this is Python


def main() -> None:
    exit_on_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _EXIT)
    supervise(Service(**json.loads(sys.argv[1])))


def supervise(service: Service) -> NoReturn:
    """Serve with several workers until a signal to exit.

    :raises SystemExit: always, with the exit code.
    """
    with starting():
        from infrastructure.telemetry.logging import configure_logging  # noqa: PLC0415

        configure_logging()
        config = Config(
            "doorward.worker:make_server",
            workers=service.workers,
            log_config=service.logs,
            timeout_worker_healthcheck=60,  # seconds: a slow start is no reason to kill a worker
        )
    environment = Environment.taken_over(os.environ, service.from_file)
    listener = socket.socket(fileno=service.listener)
    with _metrics_of_workers(service.metrics) as worker_exited:
        gc.freeze()  # it only waits: no collection, nor that at exit, scans its modules
        reconfigure = partial(_reconfigure, environment, service.logs)
        workers = Workers(config, [listener], reconfigure, worker_exited)
        workers.run()
        sys.exit(int(any((process.exitcode or 0) > 0 for process in workers.processes)))


@contextmanager
def _metrics_of_workers(descriptor: int | None) -> Iterator[Callable[[int], None]]:
    if descriptor is None:
        yield lambda _: None
        return
    from infrastructure.telemetry.telemetry import serving_metrics  # noqa: PLC0415 - if wanted

    with serving_metrics(socket.socket(fileno=descriptor), from_workers=True) as worker_exited:
        yield worker_exited


def _reconfigure(environment: Environment, logs: dict[str, Any]) -> bool:
    """Give new workers the configuration as it is now; return ``False`` if a setting is wrong."""
    receiver, sender = Pipe(duplex=False)
    check = uvicorn._subprocess.spawn.Process(  # noqa: SLF001 - as uvicorn starts workers
        target=check_configuration, args=(environment, logs, sender)
    )
    with sigint_blocked():  # a terminal sends it to all processes
        check.start()
    sender.close()
    try:
        variables = receiver.recv()
    except EOFError:  # it was killed
        variables = None
    check.join()
    if variables is not None:
        environment.install(variables)
    return variables is not None
