"""Add security headers and CORS to every response, those of the framework included.

This wraps the whole application because Litestar's own middleware does not see the responses to
unknown paths, and its CORS refuses with plain text and allows more headers than named.
"""

from collections.abc import Iterable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api.identity_headers import is_for_gateways
from api.security.origin_policy import OriginPolicy

HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# Unless a handler has set them (the documentation page and the public keys do).
_UNLESS_SET = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
SECURITY_HEADERS = (*_ALWAYS, (b"vary", b"Origin"), *_UNLESS_SET)
"""The headers of a response that the server itself sends."""

_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Accept, Content-Type"),
    (b"access-control-max-age", b"600"),
)

# The headers of a refusal that a client's page may read.
_EXPOSED = (
    b"access-control-expose-headers",
    b"Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate",
)

Headers = list[tuple[bytes, bytes]]


def with_headers(app: ASGIApp, origin_policy: OriginPolicy) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        cors = _cors(scope["headers"], origin_policy)
        is_preflight = _is_preflight(scope)
        if cors and not is_preflight:
            cors.append(_EXPOSED)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _complete(message["headers"], cors, origin_policy)
            await send(message)

        if is_preflight:
            await _answer_preflight(send_with_headers, is_allowed=bool(cors))
        else:
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


def _is_preflight(scope: HTTPScope) -> bool:
    asked = b"access-control-request-method"
    if scope["method"] != "OPTIONS" or all(name != asked for name, _ in scope["headers"]):
        return False
    return not is_for_gateways(scope["path"])  # a gateway would take the 204 for a success


async def _answer_preflight(send: Send, *, is_allowed: bool) -> None:
    """Answer 204 in any case: without the headers a browser refuses."""
    headers = [*_PREFLIGHT] if is_allowed else []
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


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
    hsts = (HSTS,) if origin_policy.is_https else ()
    return [*own, *_ALWAYS, (b"vary", vary), *missing, *cors, *hsts]
