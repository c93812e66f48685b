"""The server ignores every upgrade (RFC 9110, section 7.8) and frames the body as any other's.

A body must never be read as the next request, nor the next request as a body.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.processes import Service, a_service
from tests.support.waiting import PATIENCE

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
WEBSOCKET = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
CLOSE = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"GET /api/healthchecker HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = LIVE + b"Connection: close\r\n\r\n"
"""A request after which the server closes the connection."""

each_upgrade = pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
each_cut = pytest.mark.parametrize("cut", [None, 0, 3, -1], ids=["whole", "head", "start", "end"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("upgrades")
    with a_service(folder, USERS_URL="memory:", REQUEST_TIMEOUT="1s") as service:
        yield service


def exchange(service: Service, *parts: bytes) -> list[tuple[int, bytes]]:
    """Send these parts one by one, and return each response until the server closes: status and
    body.
    """
    received = b""
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client,
        suppress(ConnectionResetError, BrokenPipeError),  # it may close before it reads all
    ):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            client.sendall(part)
            client.settimeout(0.05)  # lets the server read this part before the next
            with suppress(TimeoutError):
                received += client.recv(65536)
        client.settimeout(PATIENCE)
        while more := client.recv(65536):
            received += more
    return list(responses(received))


def responses(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Split the received bytes by each response's own framing."""
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines)
        length = int(fields[b"content-length"])
        yield int(status.removeprefix(b"HTTP/1.1 ")[:3]), rest[:length]
        received = rest[length:]


def statuses(service: Service, *parts: bytes) -> list[int]:
    return [status for status, _ in exchange(service, *parts)]


def post(path: bytes, *fields: bytes) -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return head + b"".join(fields) + b"\r\n"


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def chunked(body: bytes, size: int = 20) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def a_registration(email: str) -> bytes:
    person = {"name": "Ada", "email": email, "password": "correct horse battery staple"}
    return json.dumps(person).encode()


def parts_of(head: bytes, body: bytes, cut: int | None) -> list[bytes]:
    return [head + body] if cut is None else [head + body[:cut], body[cut:]]


@each_upgrade
@each_cut
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_the_body_of_an_upgrade_request_reaches_the_application(
    service: Service, upgrade: bytes, cut: int | None, is_chunked: bool
) -> None:
    body = a_registration(f"{len(upgrade)}.{cut}.{is_chunked}@example.org")
    framing = CHUNKED if is_chunked else length(body)
    head = post(b"/api/auth/register", framing, upgrade)

    first, *others = parts_of(head, chunked(body) if is_chunked else body, cut)
    answers = statuses(service, first, *others, LAST)

    assert answers == [200, 200]


@each_upgrade
@each_cut
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_a_request_within_the_body_of_an_upgrade_request_is_not_answered(
    service: Service, upgrade: bytes, cut: int | None, is_chunked: bool
) -> None:
    body = chunked(HIDDEN, len(HIDDEN)) if is_chunked else HIDDEN
    head = post(b"/api/auth/login", CHUNKED if is_chunked else length(body), upgrade)

    answers = exchange(service, *parts_of(head, body + LAST, cut))

    assert [status for status, _ in answers] == [400, 200]
    assert not any(b"Doorward" in content for _, content in answers)


@each_upgrade
def test_requests_pipelined_after_an_upgrade_request_are_answered_in_order(
    service: Service, upgrade: bytes
) -> None:
    body = b"{}"
    requests = (
        LIVE + upgrade + b"\r\n",
        post(b"/api/auth/login", length(body), upgrade) + body,
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n",
        post(b"/api/auth/login", CHUNKED, upgrade) + chunked(body),
        LAST,
    )
    expected = [200, 400, 404, 400, 200]

    assert statuses(service, b"".join(requests)) == expected
    assert statuses(service, *requests) == expected


@each_cut
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_an_upgrade_request_that_asks_to_close_is_the_last_one(
    service: Service, cut: int | None, is_chunked: bool
) -> None:
    body = a_registration(f"close.{cut}.{is_chunked}@example.org")
    head = post(b"/api/auth/register", CHUNKED if is_chunked else length(body), CLOSE)

    framed = chunked(body) if is_chunked else body
    assert statuses(service, *parts_of(head, framed, cut)) == [200]
    assert statuses(service, head + framed + HIDDEN) == [409]


def test_an_upgrade_in_http_1_0_closes_after_its_response(service: Service) -> None:
    body = a_registration("1.0@example.org")
    head = post(b"/api/auth/register", length(body), H2C).replace(b"HTTP/1.1", b"HTTP/1.0")

    assert statuses(service, head, body) == [200]


@each_upgrade
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ((CHUNKED,), b"zz\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"-1\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"0x2\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ((CHUNKED,), b"2\r\n{}XX0\r\n\r\n"),
        ((CHUNKED,), b"2\n{}\n0\n\n"),
        ((CHUNKED, b"Content-Length: 2\r\n"), b"2\r\n{}\r\n0\r\n\r\n"),
        ((b"Content-Length: 2\r\n", CHUNKED), b"2\r\n{}\r\n0\r\n\r\n"),
        ((b"Content-Length: 2\r\n", b"Content-Length: 9\r\n"), b"{}"),
        ((b"Content-Length: +2\r\n",), b"{}"),
        ((b"Transfer-Encoding: gzip\r\n",), b"{}"),
        ((b"Transfer-Encoding: chunked, gzip\r\n",), b"2\r\n{}\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: xchunked\r\n",), b"2\r\n{}\r\n0\r\n\r\n"),
    ],
)
def test_a_body_without_a_clear_end_is_refused_and_the_connection_closed(
    service: Service, upgrade: bytes, fields: tuple[bytes, ...], body: bytes
) -> None:
    assert statuses(service, post(b"/api/auth/login", upgrade, *fields) + body + HIDDEN) == [400]
    assert statuses(service, post(b"/api/auth/login", *fields, upgrade) + body + HIDDEN) == [400]


@pytest.mark.parametrize(
    "field",
    [b"Upgrade : h2c", b"Upgrade: h2c\r\n folded", b"Upgrade: h2c\nX: y", b"Upgrade: h\x00c"],
    ids=["space", "fold", "bare line feed", "NUL"],
)
def test_an_upgrade_field_with_bad_syntax_is_refused(service: Service, field: bytes) -> None:
    head = LIVE + b"Connection: upgrade\r\n" + field + b"\r\n\r\n"

    assert statuses(service, head + HIDDEN) == [400]


def test_an_upgrade_in_the_trailers_changes_nothing(service: Service) -> None:
    body = b"2\r\n{}\r\n0\r\n" + H2C + b"\r\n"

    answers = statuses(service, post(b"/api/auth/login", CHUNKED, H2C) + body + LAST)

    assert answers == [400, 200]


@pytest.mark.parametrize("fields", [b"", H2C], ids=["plain", "h2c"])
def test_a_connect_is_refused_and_the_following_bytes_are_not_read(
    service: Service, fields: bytes
) -> None:
    head = b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n" + fields + b"\r\n"

    assert statuses(service, head + HIDDEN) == [400]
    assert statuses(service, head, HIDDEN) == [400]


@each_upgrade
@pytest.mark.parametrize(
    ("framing", "start"),
    [(b"Content-Length: 100\r\n", b"{"), (CHUNKED, b"64\r\n{")],
    ids=["length", "chunked"],
)
def test_an_upgrade_request_whose_body_stays_away_is_refused_in_time(
    service: Service, upgrade: bytes, framing: bytes, start: bytes
) -> None:
    head = post(b"/api/auth/login", framing, upgrade)

    assert statuses(service, head + start) == [408]
