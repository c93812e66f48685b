"""Answer CORS preflights. Litestar's own answer allows more headers than are used."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.identity_headers import is_for_gateways
from api.request_context import header_values
from api.security.origin_policy import OriginPolicy

REFUSED_ORIGIN = "refused_origin"
"""Where the state of a request has the origin of a refused preflight, for the access log."""

_ALLOWED = (
    (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Accept, Content-Type"),
    (b"access-control-max-age", b"600"),
)
_ASKED = b"access-control-request-method"


def with_preflights(app: ASGIApp, origin_policy: OriginPolicy) -> ASGIApp:
    """Answer 204 to every preflight: without the headers a browser refuses."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not is_preflight(scope):
            await app(scope, receive, send)
            return
        origin = next(iter(header_values(scope, b"origin")), "")
        headers = [*_ALLOWED] if origin_policy.trusts(origin) else []
        if not headers:
            scope["state"][REFUSED_ORIGIN] = origin
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return wrapped


def is_preflight(scope: HTTPScope) -> bool:
    if scope["method"] != "OPTIONS" or all(name != _ASKED for name, _ in scope["headers"]):
        return False
    return not is_for_gateways(scope["path"])  # a gateway would take the 204 for a success
