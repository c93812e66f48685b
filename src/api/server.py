"""The web server: uvicorn, with limits and logs of ours."""

import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import ChangeReload, Multiprocess

from api.headers import SECURITY_HEADERS

APPLICATION = "api.main:app_from_environment"
LARGEST_HEAD = 64 * 1024
"""Of a request line and its headers together, in bytes. Ours are below 8 KiB."""

GRACE = 8
"""Seconds that requests have to end after SIGTERM. Docker kills after 10."""

_INVALID = b'{"status":"fail","message":"The input is not valid","code":"invalid_input"}'
_REFUSAL = b"".join(
    (
        b"HTTP/1.1 400 Bad Request\r\n",
        b"content-type: application/json\r\n",
        b"content-length: %d\r\n" % len(_INVALID),
        b"connection: close\r\n",
        *(b"%b: %b\r\n" % header for header in SECURITY_HEADERS),
        b"\r\n",
        _INVALID,
    )
)


Logs = dict[str, Any]


class BoundedHttp(HttpToolsProtocol):
    """HTTP with bounded heads, trailers and chunk headers: an endless one would fill the memory.

    Bodies are bounded where they are read.
    """

    _without_progress = 0  # bytes since the last message, body part or end of a head began

    def data_received(self, data: bytes) -> None:
        self._without_progress += len(data)
        super().data_received(data)
        if self._without_progress > LARGEST_HEAD:
            self.send_400_response("too large")

    def on_message_begin(self) -> None:
        self._without_progress = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._without_progress = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._without_progress = 0
        super().on_body(body)

    def send_400_response(self, _msg: str) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(_REFUSAL)
        self.transport.close()


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
    """From now on SIGINT and SIGTERM end this process in an orderly way, and successfully."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)


def run(listener: socket.socket, workers: int, logs: Logs, *, reload: bool) -> None:
    """Serve until a signal comes.

    :param logs: the configuration of logging, for each process.
    :param reload: start anew whenever the source code changes; with one worker.
    :raises SystemExit: in the end, with the exit code.
    """
    config = _config(workers, logs, reload=reload)
    if reload:
        ChangeReload(config, target=Server(config).run, sockets=[listener]).run()
    elif workers > 1:
        supervisor = Multiprocess(config, sockets=[listener])
        supervisor.run()
        sys.exit(int(any((process.exitcode or 0) > 0 for process in supervisor.processes)))
    else:
        server = Server(config)
        server.run(sockets=[listener])
        sys.exit(int(not server.started))


def _config(workers: int, logs: Logs, *, reload: bool) -> Config:
    return Config(
        APPLICATION,
        factory=True,
        workers=workers,
        reload=reload,
        reload_dirs=[str(Path(__file__).resolve().parents[1])] if reload else None,
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
