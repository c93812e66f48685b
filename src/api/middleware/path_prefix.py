"""Serve the routes below a path of the host, such as ``/auth``.

A proxy in front either strips the prefix or does not.
"""

from typing import cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send


def with_path_prefix(app: ASGIApp, prefix: str) -> ASGIApp:
    """Remove the prefix, once, from the path of each request that has it.

    :param prefix: such as ``/auth``, or empty. No route begins with it.
    """
    if not prefix:
        return app

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            rest = scope["path"].removeprefix(prefix)
            if rest != scope["path"] and (not rest or rest.startswith("/")):
                scope = cast(HTTPScope, {**scope, "path": rest or "/"})
        await app(scope, receive, send)

    return wrapped
