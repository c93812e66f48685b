"""HTTP/1.1 on one connection: uvicorn's protocol with limits on size and time, and draining."""

import asyncio
import re
import secrets

import httptools
from structlog.contextvars import bound_contextvars
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.app import LARGEST_BODY
from domain.request_context import UNKNOWN, RequestContext
from doorward.server.config import ServerConfig
from doorward.wiring.refusals import Refusal

LARGEST_HEAD = 64 * 1024
"""Limit of a request line with its headers, in bytes. The service needs less than 8 KiB."""

MOST_FIELDS = 100
"""Limit of header fields in a request."""

LARGEST_BACKLOG = 64 * 1024
"""Limit of the bytes that wait unparsed, behind a request in work."""

SLICE = 128
"""Size in bytes of the smallest part that the parser reads at once. Few requests fit into it."""

DRAIN_SECONDS = 2
"""Time that an idle connection stays open while the process drains. A client that sends requests
more often learns from a response (``Connection: close``) and loses no request."""

NOT_PARSED = "unknown"
"""Method and path in the access log of what was refused before they were read."""

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")
"""A host and an optional port (RFC 3986, section 3.2)."""


class InvalidRequest(Exception):
    """The request breaks a rule of HTTP, or a limit of this service."""


class BoundedHttp(HttpToolsProtocol):
    """HTTP with limits on each request's head, trailers and chunk headers, on pipelined requests,
    and on the time that a request may take to arrive and a response to leave (CWE-400, ADR 31).

    The parser reads no further while a request is in work. The rest of what the client has sent
    waits, and the connection is not read meanwhile. The application limits the size of bodies.
    """

    config: ServerConfig
    was_used = False
    _without_progress = 0  # bytes since a message, a part of a body or the end of a head
    _head_size = 0  # bytes of the request line and of the header fields so far
    _in_head = False
    _receiving_since: float | None = None  # when the request began that has not arrived yet
    _has_begun = False  # the request that has not arrived yet
    _backlog = b""  # received, and not parsed yet
    _last_response: Refusal | None = None  # to the first request that is refused, after the others
    _ignores_input = False  # the connection closes after the responses to the parsed requests
    _blocked_since: float | None = None  # when the client stopped reading
    _deadline_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self.config.connections.admit(self, address):
            self._refuse(self.config.server_options.refusals.unavailable)
            return
        self._receiving_since = self.loop.time()
        self._check_deadlines()
        if self.config.lifecycle.is_draining:  # accepted just before the listener closed
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline_timer:
            self._deadline_timer.cancel()
        self.config.connections.remove(self)
        super().connection_lost(exc)

    def waits_for_client(self) -> bool:
        """Whether the client has to send or to read next."""
        return self._blocked_since is not None or not self._is_busy()

    def evict(self) -> None:
        """Make room for another connection."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._ignores_input:
            return
        self._unset_keepalive_if_required()
        self._process(self._backlog + data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.cycle.response_complete or self.transport.is_closing():
            return
        if self._last_response is not None:
            self._refuse(self._last_response)
            return
        if self._receiving_since is not None:  # it could not arrive before
            self._receiving_since = self.loop.time()
        if self._backlog:
            self._unset_keepalive_if_required()
            self._process(self._backlog)

    def _process(self, data: bytes) -> None:
        """Parse as far as no request is in work, and keep the rest for later.

        The parser cannot be stopped within what it is fed. So each part ends where a head may end,
        unless that is closer than ``SLICE``. The parts do not change how the bytes are read.
        """
        self._backlog = b""
        start = 0
        try:
            while start < len(data) and not self._is_busy():
                end = data.find(b"\r\n\r\n", start + SLICE) + 4
                if end < 4:
                    end = len(data)
                self._parse(memoryview(data)[start:end])
                start = end
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, InvalidRequest):
            self.send_400_response("not HTTP, or too large")
            return
        if start < len(data):
            self._wait_with(data[start:])
        elif self._receiving_since is None and self._is_idle():  # blank lines between requests
            self._receiving_since = self.loop.time()

    def _wait_with(self, backlog: bytes) -> None:
        """Read no more until the responses to the requests before are complete."""
        if len(backlog) > LARGEST_BACKLOG:
            self.cycle.keep_alive = False
            self._ignore_input()
        else:
            self._backlog = backlog
            self.flow.pause_reading()

    def _parse(self, data: memoryview) -> None:
        """Feed the parser, and ignore every upgrade (RFC 9110, section 7.8).

        httptools leaves the body unread after a head that asks for an upgrade. A new parser reads
        that head again without its ``Upgrade`` field, and frames the body as it does any other.

        :raises HttpParserUpgrade: the method is CONNECT: what follows is no HTTP.
        :raises InvalidRequest: the bytes without any progress exceed the limit.
        """
        self._without_progress += len(data)
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
                self.parser.feed_data(head)
            else:
                break
        if self._without_progress > LARGEST_HEAD:
            raise InvalidRequest

    def _head_without_upgrade(self) -> bytes:
        """Write the head that was parsed last. The parser admits no line end within a value."""
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"".join((line, *fields, b"\r\n"))

    def on_message_begin(self) -> None:
        self._without_progress = self._head_size = 0
        self._in_head = self._has_begun = True
        self._receiving_since = self.loop.time()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._head_size += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field, and drop a trailer field (RFC 9110, section 6.5.1).

        :raises InvalidRequest: the head exceeds a limit. The parser stops.
        """
        self._head_size += len(name) + len(value)
        if self._head_size > LARGEST_HEAD or len(self.headers) >= MOST_FIELDS:
            raise InvalidRequest
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():  # this head will be parsed again
            return
        self._check_host()
        self._without_progress = 0
        super().on_headers_complete()
        self._in_head = False
        if self.config.lifecycle.closes_connections:
            self.cycle.keep_alive = False

    def _check_host(self) -> None:
        """
        :raises InvalidRequest: not exactly one Host of the right form (RFC 9112, section 3.2).
        """
        hosts = [value for name, value in self.headers if name == b"host"]
        if not hosts and self.parser.get_http_version() in {"0.9", "1.0"}:
            return
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise InvalidRequest

    def on_body(self, body: bytes) -> None:
        """Keep no more of a body than the application needs to see that it is too large."""
        self._without_progress = 0
        room = LARGEST_BODY + 1 - len(self.cycle.body)
        if room > 0 and not self.cycle.response_complete:
            super().on_body(body[:room])

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._has_begun = False
        self._receiving_since = None
        self.was_used = True
        super().on_message_complete()

    def shutdown(self) -> None:
        """Drain this connection: the client may send one more request, which can be on its way."""
        self.timeout_keep_alive = DRAIN_SECONDS
        if not self._is_idle():
            if not self.cycle.response_started:  # else its head has promised to keep alive
                self.cycle.keep_alive = False
        elif not self._has_begun:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                DRAIN_SECONDS, self.timeout_keep_alive_handler
            )

    def refuse_incomplete(self) -> None:
        """Refuse a request that has not arrived yet: the process is about to exit."""
        if self._receiving_since is not None:
            self._refuse(self.config.server_options.refusals.unavailable)

    def pause_writing(self) -> None:
        self._blocked_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._blocked_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        self._refuse(self.config.server_options.refusals.bad_request)

    def _check_deadlines(self) -> None:
        """Enforce both time limits with one timer a connection, so that a request costs none."""
        options, now = self.config.server_options, self.loop.time()
        limit = options.request_seconds
        if self._blocked_since is not None and now - self._blocked_since >= limit:
            self.transport.abort()
        elif self._is_overdue(now - limit):
            self._refuse(options.refusals.request_timeout)
        else:
            self._deadline_timer = self.loop.call_later(limit / 4, self._check_deadlines)

    def _is_overdue(self, begun_before: float) -> bool:
        """Whether the client had its time to send the request that is being received."""
        if self._receiving_since is None or self._is_busy() or self.flow.read_paused:
            return False
        return self._receiving_since <= begun_before

    def _has_no_request(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn declares it as never None
        return cycle is None

    def _is_idle(self) -> bool:
        return self._has_no_request() or self.cycle.response_complete

    def _in_body(self) -> bool:
        """Whether a part of the body of the last request has not arrived yet."""
        return self._has_begun and not self._in_head

    def _is_busy(self) -> bool:
        """Whether a request has arrived whose response is not complete."""
        return not self._is_idle() and not self._in_body()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer the request that is being received, after those before it, and close."""
        if self.transport.is_closing():
            return
        if self._is_idle() and not self._in_body():
            self._close_with(refusal)
        elif not self._in_body():
            self._last_response = refusal
            self._ignore_input()
        elif self.pipeline:
            self.pipeline[0] = (self.cycle, self._application_of(refusal))
            self._ignore_input()
        elif self.cycle.response_started:
            self.transport.close()
        else:
            self._close_with(refusal, self.cycle.scope["state"].get("context", UNKNOWN))

    def _application_of(self, refusal: Refusal) -> ASGI3Application:
        """Return what answers a pipelined request that is refused, when its turn has come."""

        async def refuse(*_: object) -> None:
            self.cycle.disconnected = True
            self._close_with(refusal)

        return refuse

    def _close_with(self, refusal: Refusal, context: RequestContext = UNKNOWN) -> None:
        """
        :param context: of a request that has reached the application.
        """
        request_id = context.request_id or secrets.token_hex(8)
        self.transport.write(refusal.response(request_id))
        self.transport.close()
        if access_log := self.config.server_options.access_log:
            seconds = self.loop.time() - (self._receiving_since or self.loop.time())
            with bound_contextvars(request_id=request_id):
                access_log(*self._request_line(), refusal.status, seconds, None)

    def _request_line(self) -> tuple[str, str]:
        """Return the method and the path of the request that is being received, as far as they
        are known, without the query.
        """
        if not self._has_begun or not self.url:
            return NOT_PARSED, NOT_PARSED
        path, _, _ = self.url.partition(b"?")
        return self.parser.get_method().decode(), path.decode("ascii", "replace")

    def _ignore_input(self) -> None:
        self._ignores_input = True
        self._receiving_since = None
        self._backlog = b""
        self.flow.pause_reading()
