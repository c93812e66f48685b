"""The web application, put together."""

from typing import cast

from dishka import AsyncContainer
from litestar import Litestar
from litestar.datastructures import State
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from api import openapi
from api.controllers.account import UserController
from api.controllers.administration import AdministrationController
from api.controllers.api_docs import DOCUMENTATION
from api.controllers.auth import CHANGED_BY_GET, AuthController
from api.controllers.gateway import FOR_GATEWAYS, VerifyController
from api.controllers.health import OperationController
from api.controllers.jwks import KeyController
from api.controllers.sessions import SessionController
from api.json_request import JsonRequest
from api.lifecycle import Lifecycle
from api.middleware.fast_path import with_fast_path
from api.middleware.request_context import with_request_context
from api.middleware.security_headers import with_headers
from api.problems import handle
from api.security.guard import require_login
from api.security.origin_policy import OriginPolicy

LARGEST_BODY = 16 * 1024
"""In bytes."""


def create_app(
    container: AsyncContainer, origin_policy: OriginPolicy, lifecycle: Lifecycle | None = None
) -> Litestar:
    """
    :param container: where the use cases and ports come from.
    :param site: where browsers find the service.
    :param lifecycle: what the server process tells, if it tells anything.
    """
    app = Litestar(
        route_handlers=[
            AuthController,
            VerifyController,
            UserController,
            SessionController,
            AdministrationController,
            OperationController,
            KeyController,
            *DOCUMENTATION,
        ],
        guards=[require_login],
        exception_handlers={Exception: handle},
        request_class=JsonRequest,
        request_max_body_size=LARGEST_BODY,
        openapi_config=openapi.config(origin_policy),
        logging_config=None,
        state=State({"origin_policy": origin_policy, "lifecycle": lifecycle or Lifecycle()}),
    )
    app.state.dishka_container = container
    app.asgi_handler = _with_container(app.asgi_handler, container)
    app.asgi_handler = with_fast_path(app.asgi_handler, container, origin_policy)
    app.asgi_handler = with_headers(
        with_request_context(_with_head(app.asgi_handler), origin_policy), origin_policy
    )
    return app


def _with_container(app: ASGIApp, container: AsyncContainer) -> ASGIApp:
    """What dishka's own ``setup_dishka`` does, but that it makes a container for each request. All
    that is injected here lives as long as the application.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["dishka_container"] = container
        await app(scope, receive, send)

    return wrapped


def _with_head(app: ASGIApp) -> ASGIApp:
    """HEAD is GET without the body (RFC 9110, section 9.3.2), where a GET changes nothing.

    And OPTIONS is GET where a gateway asks about somebody's OPTIONS.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and scope["path"].startswith(FOR_GATEWAYS):
            await app(_as_get(scope), receive, send)
        elif scope["method"] == "HEAD":
            path = "/".join(part for part in scope["path"].split("/") if part)  # as Litestar does
            is_changed = path in CHANGED_BY_GET
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
