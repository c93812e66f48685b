"""The metrics port beside slow clients."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from infrastructure.telemetry import metrics_server
from infrastructure.telemetry.metrics_server import serving
from tests.support.waiting import PATIENCE


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    with serving(listener, CollectorRegistry()):
        yield listener.getsockname()[1]


def heard(client: socket.socket) -> bytes:
    octets = b""
    while more := client.recv(65536):
        octets += more
    return octets


def test_clients_whose_requests_do_not_arrive_keep_no_scrape_out(port: int) -> None:
    def connect() -> socket.socket:
        return stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))

    with ExitStack() as stack:
        slow = [connect() for _ in range(metrics_server._MAX_CONNECTIONS)]
        for each in slow:
            each.sendall(b"GET /metr")
        scrape = connect()
        scrape.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")

        assert heard(scrape).startswith(b"HTTP/1.0 200 ")
        assert heard(slow[0]) == b""
        slow[1].sendall(b"ics HTTP/1.1\r\n\r\n")
        assert heard(slow[1]).startswith(b"HTTP/1.0 200 ")
