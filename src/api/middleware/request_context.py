"""Where a request comes from: its address, its id, and the name by which it called us.

What a proxy says of these is believed only from proxies that were named; everybody else could say
anything.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

import msgspec
import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.problems import MISDIRECTED, worded
from api.security.origin_policy import OriginPolicy
from domain.request_context import RequestContext

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def context_of(request: Request[Any, Any, Any]) -> RequestContext:
    """Return the context of a request."""
    return context_in(request.scope)


def context_in(scope: Scope) -> RequestContext:
    """Return what :func:`with_request_context` has stored, with the User-Agent."""
    caller: RequestContext = scope["state"]["caller"]
    return replace(caller, agent=next(_values(scope, b"user-agent"), ""))


def with_request_context(app: ASGIApp, origin_policy: OriginPolicy) -> ASGIApp:
    """Note each request's caller. Its id is for our logs: answers that must be alike are."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        caller = _caller(scope, origin_policy)
        scope.setdefault("state", {})["caller"] = caller
        # Not taken back: the server runs each request in a context of its own.
        structlog.contextvars.bind_contextvars(request_id=caller.request_id)
        if _is_our_name(scope, origin_policy):
            await app(scope, receive, send)
        else:
            await _refuse(scope, send)

    return wrapped


def _caller(scope: HTTPScope, origin_policy: OriginPolicy) -> RequestContext:
    client = scope["client"]
    peer = client[0] if client else ""
    if not origin_policy.trusts_proxy(_plain(peer)):
        return RequestContext(_plain(peer), secrets.token_hex(8))
    request_id = next(iter(_values(scope, b"x-request-id")), "")
    if not _REQUEST_ID.fullmatch(request_id):
        request_id = secrets.token_hex(8)
    return RequestContext(
        _address(peer, _values(scope, b"x-forwarded-for"), origin_policy), request_id
    )


def _address(peer: str, forwarded: Iterable[str], origin_policy: OriginPolicy) -> str:
    """The nearest address that is not a proxy of ours. Each proxy appends whom it heard."""
    address = _plain(peer)
    for heard in reversed(",".join(forwarded).split(",")):
        if not origin_policy.trusts_proxy(address) or "%" in heard:  # a zone can be any text
            break
        try:
            address = _plain(str(ip_address(heard.strip())))
        except ValueError:
            break
    return address


@lru_cache(4096)
def _plain(address: str) -> str:
    """An IPv4 address as such, also where it came over an IPv6 socket."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed)))  # without a zone
    return str(parsed)


def _values(scope: Scope, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _is_our_name(scope: HTTPScope, origin_policy: OriginPolicy) -> bool:
    """Load balancers ask for the health by address."""
    if not origin_policy.hosts or scope["path"].startswith("/health/"):
        return True
    return origin_policy.goes_by(list(_values(scope, b"host")))


async def _refuse(scope: HTTPScope, send: Send) -> None:
    content, media_type = worded(MISDIRECTED, ",".join(_values(scope, b"accept")))
    headers = [(b"content-type", media_type.encode())]
    await send({"type": "http.response.start", "status": MISDIRECTED.status, "headers": headers})
    body = msgspec.json.encode(content)
    await send({"type": "http.response.body", "body": body, "more_body": False})
