"""HEAD and OPTIONS, answered as GET where that is what they mean."""

from collections.abc import Callable, Collection
from typing import cast

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils import normalize_path


def with_head_requests(
    app: ASGIApp, changed_by_get: Collection[str], is_for_gateways: Callable[[str], bool]
) -> ASGIApp:
    """Answer HEAD as GET without the body (RFC 9110, section 9.3.2).

    :param changed_by_get: the paths where GET changes something.
    :param is_for_gateways: whether a gateway asks at a path about the OPTIONS of its own clients.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and is_for_gateways(scope["path"]):
            await app(_as_get(scope), receive, send)
        elif scope["method"] == "HEAD":
            is_changed = normalize_path(scope["path"]) in changed_by_get
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
