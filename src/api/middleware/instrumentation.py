"""Report each request to observers: its route, which is the template of its path, and its status.

This wraps everything else, so that no response is missed: neither those of the fast path nor those
of the framework.
"""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from litestar.utils import normalize_path

UNKNOWN = "unknown"
"""The route of an unknown path."""

RequestObserver = Callable[[HTTPScope, str], Callable[[int], None]]
"""Called with a request and its route; returns a callback for its status, 0 if none."""


def observed(app: ASGIApp, routes: "Routes", observer: RequestObserver) -> ASGIApp:
    """Wrap an application so that the observer sees each request."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        status = 0

        async def send_and_record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        end = observer(scope, routes.template(scope["path"]))
        try:
            await app(scope, receive, send_and_record_status)
        except Exception:
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR  # so the server answers
            raise
        finally:
            end(status)

    return wrapped


class Routes:
    """Maps paths to their templates."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._plain: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for template in templates:
            if "{" in template:
                self._patterns.append((_pattern(template), template))
            else:
                self._plain[template] = template

    @classmethod
    def of(cls, app: Litestar) -> "Routes":
        return cls(route.path_format for route in app.routes if isinstance(route, HTTPRoute))

    def template(self, path: str) -> str:
        plain = self._plain.get(path)
        if plain is not None:
            return plain
        normal = normalize_path(path)
        if plain := self._plain.get(normal):
            return plain
        return next(
            (each for pattern, each in self._patterns if pattern.fullmatch(normal)), UNKNOWN
        )


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^{}]*\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))
