"""HEAD and OPTIONS, answered as GET where that is what they mean."""

from collections.abc import Collection
from typing import cast

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send


def with_head_requests(
    app: ASGIApp, changed_by_get: Collection[str], for_gateways: str
) -> ASGIApp:
    """Answer HEAD as GET without the body (RFC 9110, section 9.3.2).

    :param changed_by_get: the paths, without slashes at their ends, where GET changes something.
    :param for_gateways: the path where a gateway asks about the OPTIONS of its own clients.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and scope["path"].startswith(for_gateways):
            await app(_as_get(scope), receive, send)
        elif scope["method"] == "HEAD":
            path = "/".join(part for part in scope["path"].split("/") if part)  # as Litestar does
            is_changed = path in changed_by_get
            await app(scope if is_changed else _as_get(scope), receive, _without_body(send))
        else:
            await app(scope, receive, send)

    return wrapped


def _as_get(scope: HTTPScope) -> HTTPScope:
    return cast(HTTPScope, {**scope, "method": HttpMethod.GET.value})


def _without_body(send: Send) -> Send:
    async def send_without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return send_without_body
