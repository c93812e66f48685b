"""Methods that the routes do not list: HEAD, and what gateways pass on."""

from collections.abc import Callable
from typing import cast

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils import normalize_path

_ROUTED = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def with_head_requests(
    app: ASGIApp,
    is_changed_by_get: Callable[[str], bool],
    is_for_gateways: Callable[[str], bool],
) -> ASGIApp:
    """Answer HEAD as GET without the body (RFC 9110, section 9.3.2).

    A gateway may pass on the method of its client, such as those of WebDAV (RFC 4918). Methods
    that are not known count as unsafe, as POST does.

    :param is_changed_by_get: whether GET changes something at this path.
    :param is_for_gateways: whether gateways call this path, with any method.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and is_for_gateways(scope["path"]):
            await app(_with_method(scope, HttpMethod.GET), receive, send)
        elif scope["method"] == "HEAD":
            is_changed = is_changed_by_get(normalize_path(scope["path"]))
            head = scope if is_changed else _with_method(scope, HttpMethod.GET)
            await app(head, receive, _without_body(send))
        elif scope["method"] not in _ROUTED and is_for_gateways(scope["path"]):
            await app(_with_method(scope, HttpMethod.POST), receive, send)
        else:
            await app(scope, receive, send)

    return wrapped


def _with_method(scope: HTTPScope, method: HttpMethod) -> HTTPScope:
    return cast(HTTPScope, {**scope, "method": method.value})


def _without_body(send: Send) -> Send:
    async def send_without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return send_without_body
