"""The limits of the HTTP protocol, on connections to a server in this process."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog
from uvicorn.server import ServerState

from api.app import LARGEST_BODY
from api.lifecycle import Lifecycle
from api.security.origin_policy import OriginPolicy
from doorward.server.config import ServerConfig, ServerOptions
from doorward.server.connections import ConnectionLimits
from doorward.server.http_protocol import LARGEST_BACKLOG, LARGEST_HEAD, MOST_FIELDS, BoundedHttp
from doorward.server.run import configuration
from doorward.wiring.refusals import refusals
from infrastructure.telemetry.access_log import AccessLog
from tests.support.waiting import PATIENCE

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = GET.replace(b"/x", b"/slow")
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{       }"
FEW = 8

Headers = list[tuple[bytes, bytes]]


@dataclass
class Server:
    """A server whose application answers ``/slow`` when the test lets it.

    :ivar requests: path and header fields of the requests so far.
    :ivar connections: all connections so far, the latest last.
    """

    config: ServerConfig | None = None
    port: int = 0
    requests: list[tuple[str, Headers]] = field(default_factory=list)
    connections: list[BoundedHttp] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append((scope["path"], scope["headers"]))
        if scope["path"] == "/slow":
            await self.may_answer.wait()
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    def protocol(self) -> BoundedHttp:
        assert self.config
        connection = BoundedHttp(self.config, ServerState(), {})
        self.connections.append(connection)
        return connection

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Caller"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Caller(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@dataclass
class Caller:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def statuses(self) -> list[int]:
        """Return the status of each response until the server closes the connection."""
        return [int(each[:3]) for each in (await self.octets()).split(b"HTTP/1.1 ")[1:]]

    async def octets(self) -> bytes:
        octets = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionResetError):  # it may close before it reads all
                while more := await self.reader.read(65536):
                    octets += more
        return octets


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def is_proxy(address: str) -> bool:
    return address == "127.0.0.9"


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A server with the connection limits that the test names."""
    server = Server()
    limits = getattr(request, "param", ConnectionLimits(100, 100, 100, is_proxy))
    options = ServerOptions(1, 3600, 0, limits, refusals(OriginPolicy("http://localhost:8000")))
    logs = {"version": 1, "incremental": True}
    server.config = configuration(options, logs, lambda: server, Lifecycle())
    listener = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    server.may_answer.set()
    listener.close()


async def test_a_flood_of_pipelined_requests_waits_unparsed_and_is_cut_off(
    server: Server,
) -> None:
    async with server.connect() as caller, server.connect() as neighbour:
        caller.send(SLOW + GET * 12_600)
        await until(lambda: "/slow" in server.paths())
        [connection] = [each for each in server.connections if each.pipeline]
        await until(lambda: connection._ignores_input)

        assert len(connection.pipeline) < FEW
        assert connection._backlog == b""
        assert not caller.writer.transport.is_closing()
        neighbour.send(LAST)
        assert await neighbour.statuses() == [200]
        server.may_answer.set()
        assert len(await caller.statuses()) < FEW


async def test_pipelined_requests_are_answered_in_order_and_few_at_a_time(
    server: Server,
) -> None:
    paths = [f"/{number}" for number in range(500)]
    async with server.connect() as caller:
        octets = b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in paths)
        caller.send(SLOW + octets + LAST)
        await until(lambda: server.connections and server.connections[0]._backlog)
        assert len(server.connections[0].pipeline) < FEW
        assert len(server.connections[0]._backlog) <= LARGEST_BACKLOG
        server.may_answer.set()

        assert await caller.statuses() == [200] * 502

    assert server.paths() == ["/slow", *paths, "/last"]


async def test_a_large_body_that_waits_for_its_turn_is_not_kept(server: Server) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
    async with server.connect() as caller:
        caller.send(SLOW + head + bytes(2_000_000) + LAST)
        await until(lambda: server.connections and server.connections[0].pipeline)
        [(waiting, _)] = server.connections[0].pipeline
        await until(lambda: waiting.body)

        assert len(waiting.body) == LARGEST_BODY + 1
        server.may_answer.set()
        assert await caller.statuses() == [200] * 3


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"Authorization", b"Cookie", b"Host"])
async def test_trailer_fields_are_no_header_fields(server: Server, name: bytes) -> None:
    async with server.connect() as caller:
        caller.send(CHUNKED + b"0\r\n" + name + b": 203.0.113.9\r\n\r\n" + LAST)
        assert await caller.statuses() == [200, 200]

    assert server.requests == [
        ("/x", [(b"host", b"x"), (b"transfer-encoding", b"chunked")]),
        ("/last", [(b"host", b"x"), (b"connection", b"close")]),
    ]


FIELD = b"a: b\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + FIELD * (MOST_FIELDS - 2), 200),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + FIELD * MOST_FIELDS, 400),
        (b"GET /" + b"a" * LARGEST_HEAD + b" HTTP/1.1\r\nHost: x\r\n", 400),
        (b"GET /" + b"a" * LARGEST_HEAD + b" HTTP/1.0\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * LARGEST_HEAD + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"A: " + b"a" * 1000 + b"\r\n") * 66, 400),
        (CHUNKED + b"0\r\n" + FIELD * (LARGEST_HEAD // 2), 400),
        (CHUNKED + b"0\r\nA: " + b"a" * LARGEST_HEAD + b"\r\n", 400),
        (CHUNKED + b"1;" + b"a" * 2 * LARGEST_HEAD + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a, b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a@b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a_b.example:8000\r\nConnection: close\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n", 200),
        (b"GET / HTTP/1.0\r\n", 200),
    ],
    ids=lambda each: f"{each[:40]!r}, {len(each)} bytes" if isinstance(each, bytes) else str(each),
)
async def test_a_request_within_the_limits_is_answered_and_another_gets_400(
    server: Server, request_: bytes, status: int
) -> None:
    """In one read: a limit that is checked after each read would come too late."""
    server.may_answer.set()
    async with server.connect() as caller:
        caller.send(request_ + b"\r\n")

        assert await caller.statuses() == [status]


@pytest.mark.parametrize(
    "wrong",
    [
        b"not HTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n",
        CHUNKED + b"!",
    ],
    ids=lambda each: repr(each[:20]),
)
@pytest.mark.parametrize("between", [b"", GET * 9])
async def test_an_invalid_request_is_refused_after_the_responses_to_those_before_it(
    server: Server, wrong: bytes, between: bytes
) -> None:
    async with server.connect() as caller:
        caller.send(SLOW + between)
        await until(lambda: "/slow" in server.paths())
        caller.send(wrong + GET)
        server.may_answer.set()

        assert await caller.statuses() == [200] * (1 + between.count(GET)) + [400]

    assert "/" not in server.paths()


def refused(octets: bytes) -> tuple[int, str]:
    """Return the status and the request id of the last of some responses."""
    head, _, _ = octets[octets.rindex(b"HTTP/1.1 ") :].decode().partition("\r\n\r\n")
    [request_id] = re.findall("(?mi)^x-request-id: (.*)\r?$", head)
    return int(head.split(" ")[1]), request_id


def access_log_of(server: Server) -> list[dict[str, Any]]:
    """Turn the access log on, and return its entries, with their request ids."""
    entries: list[dict[str, Any]] = []

    class Log(AccessLog):
        def __call__(self, *request: Any) -> None:
            ids = structlog.contextvars.get_contextvars()
            entries.append(dict(zip(("method", "path", "status"), request, strict=False)) | ids)

    assert server.config
    log = Log(only_errors=True)
    server.config.server_options = replace(server.config.server_options, access_log=log)
    return entries


@pytest.mark.parametrize(
    ("octets", "method", "path"),
    [
        (b"garbage\r\n\r\n", "unknown", "unknown"),
        (b"POST /x?token=s3cret HTTP/1.1\r\n\r\n", "POST", "/x"),
        (GET + b"PUT /y HTTP/1.1\r\n\r\n", "PUT", "/y"),
        (GET + b"garbage\r\n\r\n", "unknown", "unknown"),
        (SLOW + GET + b"PUT /y HTTP/1.1\r\n\r\n", "PUT", "/y"),
        (SLOW + CHUNKED + b"x", "POST", "/x"),
        (CHUNKED + b"x", "POST", "/x"),
    ],
)
async def test_a_refused_request_has_the_request_id_of_its_line_in_the_access_log(
    server: Server, octets: bytes, method: str, path: str
) -> None:
    entries = access_log_of(server)
    server.may_answer.set()
    async with server.connect() as caller:
        caller.send(octets)
        status, request_id = refused(await caller.octets())

    assert status == 400
    entry = {"method": method, "path": path, "status": 400, "request_id": request_id}
    assert entries == [entry]


async def test_a_request_that_does_not_arrive_in_time_is_in_the_access_log(server: Server) -> None:
    entries = access_log_of(server)
    assert server.config
    options = replace(server.config.server_options, request_seconds=0.5)
    server.config.server_options = options
    async with server.connect() as caller, server.connect() as silent:
        caller.send(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        answers = [refused(await each.octets()) for each in (caller, silent)]

    assert [status for status, _ in answers] == [408, 408]
    lines = {(each["method"], each["path"], each["status"]) for each in entries}
    assert lines == {("POST", "/x", 408), ("unknown", "unknown", 408)}
    assert {each["request_id"] for each in entries} == {each for _, each in answers}


async def test_an_invalid_body_in_the_queue_is_refused_when_its_turn_comes(server: Server) -> None:
    async with server.connect() as caller:
        caller.send(SLOW + CHUNKED + b"!" + GET)
        await until(lambda: server.connections and server.connections[0]._ignores_input)
        assert server.paths() == ["/slow"]
        server.may_answer.set()

        assert await caller.statuses() == [200, 400]

    assert server.paths() == ["/slow"]


@pytest.mark.parametrize("octets", [LAST, POST], ids=["head", "body"])
async def test_a_request_that_waits_for_a_response_is_not_timed_out(
    server: Server, octets: bytes
) -> None:
    assert server.config
    options = server.config.server_options
    async with server.connect() as caller:
        caller.send(SLOW + octets[:-5])
        await until(lambda: "/slow" in server.paths())
        [connection] = server.connections
        server.config.server_options = replace(options, request_seconds=0)
        connection._check_deadlines()
        server.config.server_options = options
        server.may_answer.set()
        caller.send(octets[-5:])

        assert await caller.statuses() == [200, 200]


ONLY_TWO = pytest.mark.parametrize(
    "server", [ConnectionLimits(9, 2, 100, is_proxy)], indirect=True, ids=["two connections"]
)


@ONLY_TWO
async def test_an_idle_connection_makes_room_and_one_with_a_request_in_work_does_not(
    server: Server,
) -> None:
    async with server.connect() as slow:
        slow.send(SLOW.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await until(lambda: "/slow" in server.paths())
        async with server.connect() as idle, server.connect() as third:
            third.send(LAST)

            assert await idle.statuses() == []
            assert await third.statuses() == [200]
        server.may_answer.set()
        assert await slow.statuses() == [200]


@ONLY_TWO
async def test_a_connection_beside_requests_in_work_only_gets_503(server: Server) -> None:
    async with server.connect() as first, server.connect() as second:
        for each in (first, second):
            each.send(SLOW)
        await until(lambda: server.paths() == ["/slow", "/slow"])
        async with server.connect() as third:
            assert refused(await third.octets())[0] == 503


@ONLY_TWO
async def test_a_connection_whose_client_does_not_read_makes_room(server: Server) -> None:
    async with server.connect() as deaf, server.connect() as slow:
        for each in (deaf, slow):
            each.send(SLOW)
        await until(lambda: server.paths() == ["/slow", "/slow"])
        server.connections[0].pause_writing()
        async with server.connect() as third:
            third.send(LAST)
            assert await third.statuses() == [200]

        assert await deaf.statuses() == []
