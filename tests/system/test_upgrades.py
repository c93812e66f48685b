"""An upgrade that is not supported is ignored (RFC 9110, section 7.8), and its body is a body."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.support.processes import PATIENCE, Service, a_service

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
WEBSOCKET = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
HIDDEN = b"GET /api/healthchecker HTTP/1.1\r\nHost: x\r\n\r\n"

each_upgrade = pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET], ids=["h2c", "websocket"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("upgrades")
    with a_service(folder, USERS_URL="memory:", REQUEST_TIMEOUT="1s") as service:
        yield service


def ask(service: Service, *parts: bytes) -> bytes:
    """All that is answered, to a request that comes in these parts."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        for part in parts:
            caller.sendall(part)
            caller.settimeout(0.2)  # so that the parts come one by one
            try:
                answer += caller.recv(65536)
            except TimeoutError:
                caller.settimeout(PATIENCE)
        caller.settimeout(PATIENCE)
        while more := caller.recv(65536):
            answer += more
        return answer


def post(path: bytes, length: int, more: bytes) -> bytes:
    return (
        b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n%b\r\n" % (length, more)
    )


@each_upgrade
@pytest.mark.parametrize("is_cut", [True, False])
def test_the_request_is_answered_as_if_it_had_not_asked(
    service: Service, upgrade: bytes, is_cut: bool
) -> None:
    email = f"{len(upgrade)}{is_cut}@example.org"
    person = {"name": "Ada", "email": email, "password": "correct horse battery staple"}
    body = json.dumps(person).encode()
    head = post(b"/api/auth/register", len(body), upgrade)

    answer = ask(service, *((head, body[:9], body[9:]) if is_cut else (head + body,)))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@each_upgrade
@pytest.mark.parametrize("is_cut", [True, False])
def test_a_body_is_never_the_next_request(service: Service, upgrade: bytes, is_cut: bool) -> None:
    head = post(b"/api/auth/logout", len(HIDDEN), upgrade)

    answer = ask(service, *((head, HIDDEN) if is_cut else (head + HIDDEN,)))

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Doorward" not in answer


@each_upgrade
def test_what_follows_such_a_request_is_nobodys(service: Service, upgrade: bytes) -> None:
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n"

    answer = ask(service, head + HIDDEN)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@each_upgrade
def test_with_chunks_it_is_refused(service: Service, upgrade: bytes) -> None:
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + upgrade

    answer = ask(service, head + b"\r\n0\r\n\r\n" + HIDDEN)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@each_upgrade
def test_a_body_that_never_comes_is_not_waited_for(service: Service, upgrade: bytes) -> None:
    answer = ask(service, post(b"/api/auth/login", 100, upgrade) + b"{")

    assert answer.startswith(b"HTTP/1.1 408 ")
