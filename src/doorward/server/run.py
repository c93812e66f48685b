"""The web server: uvicorn, with limits and logs of ours, and an end in order."""

import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from uvicorn.supervisors import ChangeReload

from api.lifecycle import Lifecycle
from doorward.server.config import Application, ServerConfig, ServerOptions
from doorward.server.graceful_server import GRACE, GracefulServer
from doorward.server.http_protocol import BoundedHttp
from doorward.server.supervisor import Reconfigure, Workers

Logs = dict[str, Any]


def listen(host: str, port: int) -> socket.socket:
    """
    :raises OSError: nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            (host, port), family=family, backlog=2048, dualstack_ipv6=both
        )
    except UnicodeError:  # no host name looks like this
        raise socket.gaierror from None
    listener.set_inheritable(True)
    return listener


def end_on_signals() -> None:
    """From now on SIGINT and SIGTERM end this process in an orderly way, and successfully. SIGHUP
    means nothing before it serves."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def run(config: ServerConfig, listener: socket.socket, reconfigure: Reconfigure) -> None:
    """Serve until a signal comes.

    :param reconfigure: what workers are to be replaced with.
    :raises SystemExit: in the end, with the exit code.
    """
    if config.reload:
        ChangeReload(config, target=GracefulServer(config).run, sockets=[listener]).run()
    elif config.workers > 1:
        workers = Workers(config, [listener], reconfigure)
        workers.run()
        sys.exit(int(any((process.exitcode or 0) > 0 for process in workers.processes)))
    else:
        server = GracefulServer(config)
        server.run(sockets=[listener])
        sys.exit(int(not server.started))


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
    :param lifecycle: that the application knows, if it does.
    :param reload: start anew whenever the source code changes; with one worker, and with an
        application that is named.
    """
    return ServerConfig(
        replace(options, delay_seconds=0) if reload else options,
        application,
        lifecycle or Lifecycle(),
        factory=True,
        reload=reload,
        reload_dirs=[str(Path(__file__).resolve().parents[2])] if reload else None,
        http=BoundedHttp,
        loop="auto",  # uvloop, where there is one
        ws="none",
        lifespan="on",
        log_config=logs,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=65,  # longer than load balancers keep theirs: they must close first
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=60,  # a slow start is no reason to be killed
    )
