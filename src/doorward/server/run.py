"""The web server: uvicorn with this service's limits, logging and graceful shutdown."""

import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from uvicorn.supervisors import ChangeReload

from api.lifecycle import Lifecycle
from doorward.server.config import Application, ServerConfig, ServerOptions
from doorward.server.graceful_server import GRACE, GracefulServer
from doorward.server.http_protocol import BoundedHttp
from doorward.server.supervisor import WorkerExited

Logs = dict[str, Any]


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket that worker processes inherit.

    :raises OSError: the address is in use, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=2048, dualstack_ipv6=both
        )
    except UnicodeError:  # no host name has this form
        raise socket.gaierror from None
    listener.set_inheritable(True)
    return listener


def run(config: ServerConfig, listener: socket.socket, worker_exited: WorkerExited) -> None:
    """Serve with one process until a signal to exit.

    :param worker_exited: called for each process that a reload has ended.
    :raises SystemExit: always, with the exit code.
    """
    if config.reload:
        _Reloader(config, listener, worker_exited).run()
    else:
        server = GracefulServer(config)
        server.run(sockets=[listener])
        sys.exit(int(not server.started))


class _Reloader(ChangeReload):  # type: ignore[misc, valid-type] # uvicorn chooses it when it runs
    def __init__(
        self, config: ServerConfig, listener: socket.socket, worker_exited: WorkerExited
    ) -> None:
        super().__init__(config, target=GracefulServer(config).run, sockets=[listener])
        self._worker_exited = worker_exited

    def restart(self) -> None:
        exited = self.process.pid
        super().restart()
        self._worker_exited(exited)


def configuration(
    options: ServerOptions,
    logs: Logs,
    application: Application,
    lifecycle: Lifecycle | None = None,
    *,
    reload: bool = False,
) -> ServerConfig:
    """
    :param logs: the configuration of logging, for each process.
    :param lifecycle: the one that the application has, if it has one.
    :param reload: restart on each change of the source code; needs one worker, and an application
        given by name.
    """
    return ServerConfig(
        replace(options, delay_seconds=0) if reload else options,
        application,
        lifecycle or Lifecycle(),
        factory=True,
        reload=reload,
        reload_dirs=[str(Path(__file__).resolve().parents[2])] if reload else None,
        http=BoundedHttp,
        loop="auto",  # uvloop, where it is installed
        ws="none",
        lifespan="on",
        log_config=logs,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=65,  # load balancers keep theirs for 60: they must close first
        timeout_graceful_shutdown=GRACE,
    )
