"""Add security headers, CORS and the request id to every response, also to the framework's.

This wraps the whole application because Litestar's own middleware does not see the responses to
unknown paths, and its CORS refuses with plain text and allows more headers than named.
"""

from collections.abc import Iterable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.preflight import is_preflight
from api.security.origin_policy import OriginPolicy

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# Unless a handler has set them (pages, the documentation and the public keys do).
_UNLESS_SET = (
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
SECURITY_HEADERS = (*_ALWAYS, (b"vary", b"Origin"), *_UNLESS_SET)
"""The headers of a response that the server itself sends."""

# The headers that a client's page may read.
_EXPOSED = (
    b"access-control-expose-headers",
    b"Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id",
)

Headers = list[tuple[bytes, bytes]]


def hsts(origin_policy: OriginPolicy) -> Headers:
    """Return the header by which browsers use https only (RFC 6797), under an https origin."""
    if not origin_policy.is_https:
        return []
    scope = b"; includeSubDomains" if origin_policy.hsts_subdomains else b""
    return [(b"strict-transport-security", b"max-age=31536000" + scope)]


def with_headers(app: ASGIApp, origin_policy: OriginPolicy) -> ASGIApp:
    """
    :param app: an application that stores the context of each request.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        cors = _cors(scope["headers"], origin_policy)
        if cors and not is_preflight(scope):
            cors.append(_EXPOSED)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = _complete(message["headers"], cors, origin_policy)
                request_id = scope["state"]["context"].request_id.encode()
                message["headers"] = [*headers, (b"x-request-id", request_id)]
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped


def _cors(headers: Iterable[tuple[bytes, bytes]], origin_policy: OriginPolicy) -> Headers:
    """Return the CORS headers for exactly the named origins."""
    origin = next((value for name, value in headers if name == b"origin"), None)
    if origin is None or not origin_policy.trusts(origin.decode("latin-1")):
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
    ]


def _complete(
    headers: Iterable[tuple[bytes, bytes]], cors: Headers, origin_policy: OriginPolicy
) -> Headers:
    own: Headers = []
    vary = b"Origin"
    for name, value in headers:
        if name == b"vary":
            vary += b", " + value
        else:
            own.append((name, value))
    present = {name for name, _ in own}
    missing = [header for header in _UNLESS_SET if header[0] not in present]
    return [*own, *_ALWAYS, (b"vary", vary), *missing, *cors, *hsts(origin_policy)]
