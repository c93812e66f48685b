"""Determine the address and the id of each request, and check the host name that it used.

Only trusted proxies may report these: any other client could report anything.
"""

import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.problems.answers import MISDIRECTED
from api.problems.responses import worded
from api.request_context import header_values
from api.security.origin_policy import OriginPolicy
from domain.request_context import RequestContext

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
"""An address with the port of the client, as Azure Application Gateway and IIS report it."""


def with_request_context(app: ASGIApp, origin_policy: OriginPolicy) -> ASGIApp:
    """Store the context of each request in its scope."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        context = _context_of(scope, origin_policy)
        scope.setdefault("state", {})["context"] = context
        # Not reset: the server runs each request in a context of its own.
        structlog.contextvars.bind_contextvars(request_id=context.request_id)
        if _is_allowed_host(scope, origin_policy):
            await app(scope, receive, send)
        else:
            await _refuse(scope, send)

    return wrapped


def is_from_proxy(scope: HTTPScope, origin_policy: OriginPolicy) -> bool:
    """Whether a trusted proxy has sent a request, so that its headers may report a client's."""
    return origin_policy.trusts_proxy(_peer(scope))


def _peer(scope: HTTPScope) -> str:
    client = scope["client"]
    return _plain(client[0]) if client else ""


def _context_of(scope: HTTPScope, origin_policy: OriginPolicy) -> RequestContext:
    peer = _peer(scope)
    if not origin_policy.trusts_proxy(peer):
        return RequestContext(peer, secrets.token_hex(8))
    request_id = next(iter(header_values(scope, b"x-request-id")), "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = secrets.token_hex(8)
    return RequestContext(
        _address(peer, header_values(scope, b"x-forwarded-for"), origin_policy), request_id
    )


def _address(peer: str, forwarded: Iterable[str], origin_policy: OriginPolicy) -> str:
    """Return the nearest address that is no trusted proxy. Each proxy appends its client."""
    address = peer
    for reported in reversed(",".join(forwarded).split(",")):
        if not origin_policy.trusts_proxy(address) or "%" in reported:  # a zone can be any text
            break
        try:
            address = _plain(str(ip_address(_without_port(reported.strip()))))
        except ValueError:
            break
    return address


def _without_port(reported: str) -> str:
    match = _WITH_PORT.fullmatch(reported)
    return (match[1] or match[2]) if match else reported


@lru_cache(4096)
def _plain(address: str) -> str:
    """Normalise an address; an IPv4 address that came over an IPv6 socket becomes plain IPv4."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed)))  # without a zone
    return str(parsed)


def _is_allowed_host(scope: HTTPScope, origin_policy: OriginPolicy) -> bool:
    """Allow any host name for health checks: load balancers call them by address."""
    if not origin_policy.hosts or scope["path"].startswith("/health/"):
        return True
    return origin_policy.allows_host(list(header_values(scope, b"host")))


async def _refuse(scope: HTTPScope, send: Send) -> None:
    content, media_type = worded(MISDIRECTED, ",".join(header_values(scope, b"accept")))
    headers = [(b"content-type", media_type.encode())]
    await send({"type": "http.response.start", "status": MISDIRECTED.status, "headers": headers})
    body = msgspec.json.encode(content)
    await send({"type": "http.response.body", "body": body, "more_body": False})
