"""The ASGI application of a server process: open from the start of the server to its end."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from traceback import format_exc
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

Open = Callable[[], AbstractAsyncContextManager[ASGIApp]]


class Program:
    """An application that is made when the server starts, and closed when it has ended.

    What serves requests needs open stores, which need the server's event loop. So the server is
    given this before there is an application.

    :param open_app: opens the application.
    """

    def __init__(self, open_app: Open) -> None:
        self._open_app = open_app
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)
        else:
            await self._run(receive, send)

    async def _run(self, receive: Any, send: Any) -> None:
        """Follow the ASGI lifespan protocol 2.0.

        :raises BaseException: what went wrong, after the server was told.
        """
        await receive()
        step = "startup"
        try:
            async with self._open_app() as self._app:
                await send({"type": "lifespan.startup.complete"})
                step = "shutdown"
                await receive()
        except BaseException:
            await send({"type": f"lifespan.{step}.failed", "message": format_exc()})
            raise
        await send({"type": "lifespan.shutdown.complete"})
