"""HTTP/1.1 on one connection: uvicorn's protocol with limits on size and time, and draining."""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from doorward.server.config import ServerConfig

LARGEST_HEAD = 64 * 1024
"""Limit of a request line with its headers, in bytes. The service needs less than 8 KiB."""

DRAIN_SECONDS = 2
"""Time that an idle connection stays open while the process drains. A client that sends requests
more often learns from a response (``Connection: close``) and loses no request."""


class BoundedHttp(HttpToolsProtocol):
    """HTTP with limits on each request's head, trailers and chunk headers, which would otherwise
    fill the memory, and on the time that a request may take to arrive and a response to leave,
    which would otherwise occupy connections (CWE-400).

    The application limits the size of bodies.
    """

    config: ServerConfig
    _without_progress = 0  # bytes since a message, a part of a body or the end of a head
    _receiving_since: float | None = None  # when the request began that has not arrived yet
    _has_begun = False  # the request that has not arrived yet
    _blocked_since: float | None = None  # when the client stopped reading
    _deadline_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._receiving_since = self.loop.time()
        self._check_deadlines()
        if self.config.lifecycle.is_draining:  # accepted just before the listener closed
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline_timer:
            self._deadline_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._without_progress += len(data)
        try:
            self._parse(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.send_400_response("not HTTP")
        if self._without_progress > LARGEST_HEAD:
            self.send_400_response("too large")
        elif self._receiving_since is None and self._is_idle():  # blank lines between requests
            self._receiving_since = self.loop.time()

    def _parse(self, data: bytes | memoryview) -> None:
        """Feed the parser, and ignore every upgrade (RFC 9110, section 7.8).

        httptools leaves the body unread after a head that asks for an upgrade. A new parser reads
        that head again without its ``Upgrade`` field, and frames the body as it does any other.

        :raises HttpParserUpgrade: the method is CONNECT: what follows is no HTTP.
        """
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = memoryview(data)[upgrade.args[0] :]
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
                self.parser.feed_data(head)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        """Write the head that was parsed last. The parser admits no line end within a value."""
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"".join((line, *fields, b"\r\n"))

    def on_message_begin(self) -> None:
        self._without_progress = 0
        self._has_begun = True
        self._receiving_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():  # this head will be parsed again
            return
        self._without_progress = 0
        super().on_headers_complete()
        if self.config.lifecycle.closes_connections:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._without_progress = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._has_begun = False
        self._receiving_since = None
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
        elif self._receiving_since is not None and now - self._receiving_since >= limit:
            self._refuse(options.refusals.request_timeout)
        else:
            self._deadline_timer = self.loop.call_later(limit / 4, self._check_deadlines)

    def _has_no_request(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn declares it as never None
        return cycle is None

    def _is_idle(self) -> bool:
        return self._has_no_request() or self.cycle.response_complete

    def _refuse(self, response: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._may_answer():
            self.transport.write(response)
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether the client would take a response now for that to the refused request."""
        if self._has_no_request() or self.pipeline:
            return self._has_no_request()
        if self.cycle.more_body:
            return not self.cycle.response_started
        return self.cycle.response_complete
