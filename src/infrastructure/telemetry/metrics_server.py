"""The port of ``/metrics``: a thread of the process that ``doorward serve`` has started.

It is another port than that of the service, so that what may be read there is decided by who can
connect to it. It answers ``GET /metrics`` and nothing else.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client knows that it is to write into files, and where."""

_MOST = 16
"""Connections at a time: each has a thread, and files are shared with the service."""


@contextmanager
def answering(listener: socket.socket, registry: CollectorRegistry) -> Iterator[None]:
    """Answer while the block runs."""
    server = _Server(listener, registry)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def of_workers() -> Iterator[CollectorRegistry]:
    """What the processes have counted that are started within the block, and those before them."""
    folder = Path(tempfile.mkdtemp(prefix="doorward-metrics-"))
    os.environ[_FOLDER] = str(folder)
    registry = CollectorRegistry()
    registry.register(_Workers(folder))
    try:
        yield registry
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Workers(Collector):
    """What a process counted that is gone stays counted; what it said of itself does not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._files: Collector = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            for file in self._folder.glob("gauge_live*_*.db"):
                if not _is_there(int(file.stem.rpartition("_")[2])):
                    file.unlink()
            return list(self._files.collect())

    def describe(self) -> Iterable[Metric]:
        return []


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's by now
        return False
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, registry: CollectorRegistry) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.registry = registry
        self._places = BoundedSemaphore(_MOST)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, _request: object, _address: object) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # seconds, for who connects and says nothing

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        encode, media_type = choose_encoder(self.headers.get("Accept", ""))
        body = encode(self.server.registry)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "doorward"

    def log_message(self, *_: object) -> None:
        """A line for each scrape would be of no use."""
