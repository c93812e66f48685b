"""Slow and silent clients lose their connection (CWE-400, "Slowloris")."""

import json
import select
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.processes import Service, a_service
from tests.support.waiting import PATIENCE

ORIGIN = "https://auth.example.org"
SECONDS = 1
HEAD = b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("slow callers")
    limits = {"REQUEST_TIMEOUT": f"{SECONDS}s", "PUBLIC_URL": ORIGIN}
    with a_service(folder, USERS_URL="memory:", **limits) as service:
        yield service


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)


def heard(caller: socket.socket) -> tuple[bytes, bytes]:
    """Return what the service sends until it closes the connection: head and body."""
    octets = b""
    while more := caller.recv(65536):
        octets += more
    head, _, body = octets.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\r\n",
        b"GET /",
        b"GET /health/live HTTP/1.1\r\nhost:",
        HEAD + b"content-length: 100\r\n\r\n" + b'{"email":',
        HEAD + b"transfer-encoding: chunked\r\n\r\n" + b'9\r\n{"email":\r\n',
        b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nGET /",
    ],
    ids=["nothing", "a blank line", "a line", "a head", "a body", "chunks", "a second request"],
)
def test_an_incomplete_request_gets_408(service: Service, start: bytes) -> None:
    with connect(service) as caller:
        caller.sendall(start)
        started = time.monotonic()
        head, body = heard(caller)

    assert time.monotonic() - started > SECONDS / 2
    assert (head + body).count(b"HTTP/1.1 408 ") == 1
    assert b'"code":"request_timeout"' in body


def test_a_request_that_arrives_in_a_trickle_gets_408(service: Service) -> None:
    with connect(service) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\n")
        is_answered: list[socket.socket] = []
        while not is_answered:
            caller.sendall(b"x: y\r\n")
            is_answered, _, _ = select.select([caller], [], [], 0.05)
        head, _ = heard(caller)

    assert head.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_stops_reading_is_disconnected(service: Service) -> None:
    largest = len(httpx.get(f"{service.url}/docs/swagger-ui-bundle.js").content)
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.settimeout(PATIENCE)
        caller.connect(("127.0.0.1", service.port))
        # More than the buffers of the kernel hold for a client that does not read.
        caller.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n" * 10)
        time.sleep(3 * SECONDS)  # the passing of time is the subject
        head, body = heard(caller)

    assert len(head + body) < 9 * largest


def test_a_late_body_does_not_change_the_response_already_sent(service: Service) -> None:
    with connect(service) as caller:
        caller.sendall(HEAD + b"content-length: 2000000\r\n\r\n" + b"x" * 20_000)
        head, body = heard(caller)

    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"HTTP/1.1 408 " not in body


def test_an_idle_connection_is_not_timed_out(service: Service) -> None:
    with httpx.Client(base_url=service.url) as caller:
        assert caller.get("/health/live").status_code == 200
        kept = caller._transport._pool.connections  # type: ignore[attr-defined]
        time.sleep(2 * SECONDS)  # the passing of time is the subject
        assert caller.get("/health/live").status_code == 200
        assert len(kept) == 1
        assert "Request Count: 2" in str(kept[0])


def test_responses_of_the_server_itself_have_the_security_headers(service: Service) -> None:
    with connect(service) as caller:
        caller.sendall(b"\x16\x03\x01 is TLS\r\n\r\n")
        head, body = heard(caller)

    ordinary = httpx.get(f"{service.url}/nothing").headers
    headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    missing = set(ordinary) - {name.decode() for name in headers}
    assert missing == {"date"}
    assert headers[b"strict-transport-security"].decode() == ordinary["strict-transport-security"]
    assert json.loads(body) == {
        "status": "fail",
        "message": "The input is not valid",
        "code": "invalid_input",
    }
