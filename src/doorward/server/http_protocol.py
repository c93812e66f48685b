"""HTTP on one connection: uvicorn's protocol, with bounds, and an end that cuts nobody off."""

import asyncio
from http import HTTPStatus

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.middleware.security_headers import HSTS, SECURITY_HEADERS
from api.problems import ANSWERS, FRAMEWORK, TOO_SLOW, Answer, worded
from domain.errors import Unavailable
from doorward.server.config import ServerConfig

LARGEST_HEAD = 64 * 1024
"""Of a request line and its headers together, in bytes. Ours are below 8 KiB."""

LAST_REQUEST = 2
"""Seconds that a connection may be silent once the server ends. Who keeps connections and uses
each more often than that is told with its last answer, and loses no request."""


class BoundedHttp(HttpToolsProtocol):
    """HTTP with bounded heads, trailers and chunk headers: an endless one would fill the memory.
    And with bounded time for a request to arrive and for an answer to leave: else whoever sends or
    reads slowly keeps connections.

    The size of bodies is bounded where they are read.
    """

    config: ServerConfig
    _without_progress = 0  # bytes since the last message, body part or end of a head began
    _awaited_since: float | None = None  # when the request began that has not wholly arrived
    _has_begun = False  # the request that has not wholly arrived
    _stuck_since: float | None = None  # when the caller stopped to read
    _watch: asyncio.TimerHandle | None = None
    _body_left: int | None = None  # in bytes, where the parser reads no more

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._awaited_since = self.loop.time()
        self._keep_watch()
        if self.config.lifecycle.is_closing:  # it was accepted at the last moment
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._without_progress += len(data)
        if self._body_left is not None:
            self._take_body(data)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("not HTTP")
        if self._without_progress > LARGEST_HEAD:
            self.send_400_response("too large")
        elif self._awaited_since is None and self._is_idle():  # blank lines between requests
            self._awaited_since = self.loop.time()

    def on_message_begin(self) -> None:
        self._without_progress = 0
        self._has_begun = True
        self._awaited_since = self.loop.time()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._has_begun = False
        self._awaited_since = None
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._without_progress = 0
        super().on_headers_complete()
        if self.config.lifecycle.closes_connections:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._without_progress = 0
        super().on_body(body)

    def shutdown(self) -> None:
        """The server accepts nobody any more. Who is connected may ask once more: a request may be
        under way to us that the client sent before it could know."""
        self.timeout_keep_alive = LAST_REQUEST
        if not self._is_idle():
            if not self.cycle.response_started:  # else the client was told that it may ask again
                self.cycle.keep_alive = False
        elif not self._has_begun:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                LAST_REQUEST, self.timeout_keep_alive_handler
            )

    def refuse_incomplete(self) -> None:
        """No time is left for a request that has not wholly arrived."""
        if self._awaited_since is not None:
            self._refuse(ANSWERS[Unavailable])

    def _is_silent(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn says that it is never None
        return cycle is None

    def pause_writing(self) -> None:
        self._stuck_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stuck_since = None
        super().resume_writing()

    def send_400_response(self, _msg: str) -> None:
        self._refuse(FRAMEWORK[HTTPStatus.BAD_REQUEST])

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """An upgrade that is not supported is ignored (RFC 9110, section 7.8). But the parser ends
        with such a head, and would take the body for the next request.

        :param rest: what came after the head.
        """
        lengths = [value for name, value in self.headers if name == b"content-length"]
        if any(name == b"transfer-encoding" for name, _ in self.headers):
            self.cycle.more_body = True  # and it will not be read
            self.send_400_response("an upgrade with chunks")
            return
        self.cycle.keep_alive = False  # the parser is of no more use
        self._body_left = int(lengths[0]) if lengths else 0  # which the parser has checked
        self.cycle.more_body = self._body_left > 0
        self._awaited_since = self.loop.time() if self._body_left else None
        self._take_body(rest)

    def _take_body(self, data: bytes) -> None:
        body = data[: self._body_left]
        self._body_left = (self._body_left or 0) - len(body)
        if body:
            self.on_body(body)
        if not self._body_left:  # what comes now is nobody's
            self._awaited_since = None
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def _keep_watch(self) -> None:
        """One timer for each connection, so that a request costs no timer."""
        limit, now = self.config.server_options.request_seconds, self.loop.time()
        if self._stuck_since is not None and now - self._stuck_since >= limit:
            self.transport.abort()
        elif self._awaited_since is not None and now - self._awaited_since >= limit:
            self._refuse(TOO_SLOW)
        else:
            self._watch = self.loop.call_later(limit / 4, self._keep_watch)

    def _is_idle(self) -> bool:
        return self._is_silent() or self.cycle.response_complete

    def _refuse(self, answer: Answer) -> None:
        if self.transport.is_closing():
            return
        if self._may_answer():
            self.transport.write(_octets(answer, is_https=self.config.server_options.is_https))
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether an answer now would be taken for that to the request which is at fault."""
        if self._is_silent() or self.pipeline:
            return self._is_silent()
        if self.cycle.more_body:
            return not self.cycle.response_started
        return self.cycle.response_complete


def _octets(answer: Answer, *, is_https: bool) -> bytes:
    """A whole response, to what no application has seen. It goes nowhere after it."""
    content, media_type = worded(answer)
    body = msgspec.json.encode(content)
    headers = (
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
        *SECURITY_HEADERS,
        *((HSTS,) if is_https else ()),
    )
    status = b"HTTP/1.1 %d %b\r\n" % (answer.status, answer.status.phrase.encode())
    return b"".join((status, *(b"%b: %b\r\n" % header for header in headers), b"\r\n", body))
