"""The responses of the web server itself, in the words and with the headers of the API."""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from api.middleware.security_headers import HSTS, SECURITY_HEADERS
from api.problems import ANSWERS, FRAMEWORK, TOO_SLOW, Answer, worded
from domain.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Refusals:
    """Complete HTTP responses to requests that never reach the application.

    The server closes the connection after each of them.

    :ivar bad_request: the request is not valid HTTP, or its head is too large.
    :ivar request_timeout: the request did not arrive in time.
    :ivar unavailable: the server exits before the request has arrived.
    """

    bad_request: bytes
    request_timeout: bytes
    unavailable: bytes


def refusals(*, is_https: bool) -> Refusals:
    """
    :param is_https: whether browsers reach the service by HTTPS: responses then carry HSTS.
    """
    return Refusals(
        bad_request=_response(FRAMEWORK[HTTPStatus.BAD_REQUEST], is_https=is_https),
        request_timeout=_response(TOO_SLOW, is_https=is_https),
        unavailable=_response(ANSWERS[Unavailable], is_https=is_https),
    )


def _response(answer: Answer, *, is_https: bool) -> bytes:
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
