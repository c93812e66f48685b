"""The responses of the web server itself, in the words and with the headers of the API."""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from api.middleware.security_headers import SECURITY_HEADERS, hsts
from api.problems.answers import ANSWERS, FRAMEWORK, TOO_SLOW, Answer
from api.problems.responses import worded
from api.security.origin_policy import OriginPolicy
from domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    :ivar head: the status line and the headers, each with its line end.
    """

    status: int
    head: bytes
    body: bytes

    def response(self, request_id: str) -> bytes:
        return b"%bx-request-id: %b\r\n\r\n%b" % (self.head, request_id.encode(), self.body)


@dataclass(frozen=True, slots=True)
class Refusals:
    """HTTP responses to requests that never reach the application.

    The server closes the connection after each of them.

    :ivar bad_request: the request is not valid HTTP, or its head is too large.
    :ivar request_timeout: the request did not arrive in time.
    :ivar unavailable: the server exits before the request has arrived, or has no room for the
        connection.
    """

    bad_request: Refusal
    request_timeout: Refusal
    unavailable: Refusal


def refusals(origin_policy: OriginPolicy) -> Refusals:
    """Return the responses. Those of an https origin carry HSTS."""
    return Refusals(
        bad_request=_refusal(FRAMEWORK[HTTPStatus.BAD_REQUEST], origin_policy),
        request_timeout=_refusal(TOO_SLOW, origin_policy),
        unavailable=_refusal(ANSWERS[Unavailable], origin_policy),
    )


def _refusal(answer: Answer, origin_policy: OriginPolicy) -> Refusal:
    content, media_type = worded(answer)
    body = msgspec.json.encode(content)
    headers = (
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
        *SECURITY_HEADERS,
        *hsts(origin_policy),
    )
    status = b"HTTP/1.1 %d %b\r\n" % (answer.status, answer.status.phrase.encode())
    head = b"".join((status, *(b"%b: %b\r\n" % header for header in headers)))
    return Refusal(int(answer.status), head, body)
