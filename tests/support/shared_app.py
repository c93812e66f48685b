"""What each application has alike, built once: dishka and Litestar take 50 ms each to do so.

Each application has its own settings, stores and use cases in them.
"""

import asyncio
import functools
from typing import Any

from dishka import AsyncContainer
from dishka.provider import BaseProvider
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp

import api.app
from api.app import RouteGuard, RouteOptions
from api.security.cookies import CookieNames
from api.security.credential_reader import Connection
from doorward.wiring import container


class SwitchedGuard:
    """The guard of the current application."""

    current: RouteGuard

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        await self.current(connection, handler)


class SharedRoutes:
    """Makes routes as :func:`api.app._routes` does: one application after the other gets them."""

    def __init__(self) -> None:
        self._make: Any = api.app._routes

    def __call__(self, names: CookieNames, options: RouteOptions, *guards: RouteGuard) -> Litestar:
        if not guards:  # the routes of the OpenAPI document
            made: Litestar = self._make(names, options)
            return made
        app, handler, switched = self.built(names, options)
        app.asgi_handler, [switched.current] = handler, guards
        return app

    @functools.cache  # noqa: B019 - it lives as long as the process
    def built(
        self, names: CookieNames, options: RouteOptions
    ) -> tuple[Litestar, ASGIApp, SwitchedGuard]:
        guard = SwitchedGuard()
        app: Litestar = self._make(names, options, guard)
        return app, app.asgi_handler, guard


class SharedGraph:
    """Makes containers as ``make_async_container`` does, of a graph that is checked once.

    Containers with providers of other modules than the service's have graphs of their own.
    """

    def __init__(self) -> None:
        self._make: Any = vars(container)["make_async_container"]
        self._outer: AsyncContainer | None = None

    def __call__(self, *providers: BaseProvider, context: dict[Any, Any]) -> AsyncContainer:
        if any(not type(each).__module__.startswith("doorward.wiring.") for each in providers):
            made: AsyncContainer = self._make(*providers, context=context)
            return made
        if self._outer is None:
            self._outer = self._make(*providers, context=context).parent_container
            assert self._outer
        return self._outer(context, lock_factory=asyncio.Lock)
