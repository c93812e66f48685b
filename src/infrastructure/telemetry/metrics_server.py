"""``GET /metrics``, answered by a thread of the process that ``doorward serve`` started.

Its port is not the service's, so that the network decides who may read metrics (ADR 18).
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from prometheus_client import CollectorRegistry, MetricsHandler
from prometheus_client.multiprocess import MultiProcessCollector

_MAX_CONNECTIONS = 16
"""Each has a thread, and its file descriptor is one less for the service. A new one above that
closes the oldest whose request has not arrived: slow clients keep no scrape out (CWE-400)."""


@contextmanager
def serving(listener: socket.socket, registry: CollectorRegistry) -> Iterator[None]:
    """Answer requests while the block runs."""
    server = _Server(listener, registry)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def multiprocess_registry() -> Iterator[CollectorRegistry]:
    """Collect the metrics of processes that start within the block.

    They write into files in a private folder, named by the variable that prometheus_client reads.
    :func:`prometheus_client.multiprocess.mark_process_dead` removes the gauges of one that exited.
    """
    folder = tempfile.mkdtemp(prefix="doorward-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    try:
        yield registry
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Handler(MetricsHandler):
    timeout = 5  # seconds for the next bytes of a request to arrive
    server: "_Server"

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.server.has_arrived(self.connection)
        if self.path.partition("?")[0] == "/metrics":
            super().do_GET()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def version_string(self) -> str:
        return "doorward"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, registry: CollectorRegistry) -> None:
        handler = _Handler.factory(registry)
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._arriving: dict[socket.socket, None] = {}  # the oldest first

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._admit(request):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)
                self._arriving.pop(request, None)

    def has_arrived(self, request: socket.socket) -> None:
        """Keep this connection until it has its response."""
        with self._lock:
            self._arriving.pop(request, None)

    def _admit(self, request: socket.socket) -> bool:
        """Return whether there is room for a connection, if need be that of another one."""
        with self._lock:
            if len(self._open) >= _MAX_CONNECTIONS:
                oldest = next(iter(self._arriving), None)
                if oldest is None:
                    return False
                self._open.discard(oldest)
                del self._arriving[oldest]
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread reads the end, and closes it
            self._open.add(request)
            self._arriving[request] = None
            return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""
