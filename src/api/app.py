"""The web application, put together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dishka import AsyncContainer
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from api.controllers.account import UserController
from api.controllers.api_docs import DOCUMENTATION, add_documentation
from api.controllers.audit import AuditController
from api.controllers.auth import CHANGED_BY_GET, AuthController, LegacyAuthController
from api.controllers.email_change import EmailChangeController
from api.controllers.email_verification import EmailVerificationController
from api.controllers.gateway import VerifyController, VerifyLevelTwoController
from api.controllers.health import OperationController
from api.controllers.jwks import KeyController
from api.controllers.password_reset import PasswordResetController
from api.controllers.root import prepare_root, root
from api.controllers.second_factors.factors import (
    SecondFactorController,
    SecondFactorLoginController,
)
from api.controllers.second_factors.passkeys import (
    PasskeyAdministrationController,
    PasskeyController,
    PasskeyLoginController,
)
from api.controllers.second_factors.step_up import StepUpController
from api.controllers.sessions import SessionController
from api.controllers.social_login.applications import SocialLoginController
from api.controllers.social_login.browser import BrowserFlowController, is_flow_step
from api.controllers.social_login.identities import (
    IdentityAdministrationController,
    IdentityController,
    StepUpFlowController,
)
from api.controllers.users import UserAdministrationController
from api.controllers.well_known import add_well_known, change_password, related_origins
from api.identity_headers import is_for_gateways
from api.json_request import JsonRequest
from api.middleware.fast_path import FastPath, with_fast_path
from api.middleware.head_requests import with_head_requests
from api.middleware.preflight import with_preflights
from api.middleware.request_context import with_request_context
from api.middleware.security_headers import with_headers
from api.openapi.config import SHORTEST_PASSWORD, config
from api.security.cookies import CookieNames
from api.security.credential_reader import Connection
from api.security.guard import Guard
from api.security.origin_policy import OriginPolicy
from api.web.access import PageGuard
from api.web.errors import PAGE_ROOTS, handle_error
from api.web.errors import PAGES as PAGES_STATE
from api.web.overrides.templates import template_config
from api.web.page import Pages
from api.web.route_options import is_page
from api.web.routes import ADMIN_PAGES, EXPORTS, LINK_PAGES, PAGES

LARGEST_BODY = 16 * 1024
"""In bytes."""


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """
    :ivar has_docs: whether clients get the OpenAPI document and the page for it.
    :ivar has_legacy_get: whether GET refreshes and logs out, as POST does.
    :ivar shortest_password: the minimum length of a new password, for the document.
    :ivar path_prefix: where browsers see the routes, such as ``/auth``; empty for the whole host.
    :ivar has_pages: whether people get pages to log in and to manage their accounts.
    :ivar has_admin_pages: whether administrators get pages for their work.
    :ivar related_origins: outside the domain of passkeys, that may use them.
    :ivar password_page: the URL of the page to change passwords, if there is one.
    :ivar page_templates: the folder of files that replace templates of pages.
    """

    has_docs: bool = True
    has_legacy_get: bool = True
    shortest_password: int = SHORTEST_PASSWORD
    path_prefix: str = ""
    has_pages: bool = False
    has_admin_pages: bool = False
    related_origins: tuple[str, ...] = ()
    password_page: str | None = None
    page_templates: Path | None = None


ALL_ROUTES = RouteOptions()


@dataclass(frozen=True, slots=True)
class RouteGuard:
    """The guard of all routes: pages and the API refuse in different ways."""

    api: Guard
    pages: PageGuard

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        await (self.pages if is_page(handler) else self.api)(connection, handler)


def create_app(
    container: AsyncContainer,
    guard: RouteGuard,
    origin_policy: OriginPolicy,
    fast_path: FastPath,
    options: RouteOptions = ALL_ROUTES,
) -> Litestar:
    """Put the routes behind the guard and the middleware.

    :param container: where the handlers' use cases come from.
    """
    app = _routes(fast_path.names, options, guard)
    inner = _with_state(app.asgi_handler, container, guard.pages.pages)
    inner = with_fast_path(inner, fast_path)
    inner = with_head_requests(inner, is_changed_by_get, is_for_gateways)
    inner = with_preflights(inner, origin_policy)
    inner = with_request_context(inner, origin_policy)
    app.asgi_handler = with_headers(inner, origin_policy)
    return app


def is_changed_by_get(path: str) -> bool:
    """Return whether GET changes something at this path, so that HEAD is refused."""
    return path in CHANGED_BY_GET or path in EXPORTS or is_flow_step(path)


def openapi_document(origin_policy: OriginPolicy) -> dict[str, Any]:
    """Return the OpenAPI document, which needs no store."""
    app = _routes(CookieNames.under(origin_policy), RouteOptions(has_docs=False))
    return app.openapi_schema.to_schema()


def _routes(names: CookieNames, options: RouteOptions, *guards: RouteGuard) -> Litestar:
    app = Litestar(
        route_handlers=[
            LegacyAuthController if options.has_legacy_get else AuthController,
            StepUpController,
            PasskeyLoginController,
            BrowserFlowController,
            SocialLoginController,
            StepUpFlowController,
            PasswordResetController,
            EmailChangeController,
            EmailVerificationController,
            VerifyController,
            VerifyLevelTwoController,
            UserController,
            SecondFactorLoginController,
            SecondFactorController,
            SessionController,
            PasskeyController,
            IdentityController,
            UserAdministrationController,
            AuditController,
            PasskeyAdministrationController,
            IdentityAdministrationController,
            OperationController,
            KeyController,
            *(() if options.has_pages else (root,)),
            *LINK_PAGES,
            *(PAGES if options.has_pages else ()),
            *(ADMIN_PAGES if options.has_admin_pages else ()),
            *((related_origins,) if options.related_origins else ()),
            *((change_password,) if options.password_page else ()),
            *(DOCUMENTATION if options.has_docs else ()),
        ],
        guards=guards,
        exception_handlers={Exception: handle_error},  # type: ignore[dict-item]
        request_class=JsonRequest,
        request_max_body_size=LARGEST_BODY,
        openapi_config=config(names, options.shortest_password, options.path_prefix),
        template_config=template_config(options.page_templates),
        logging_config=None,
    )
    app.state[PAGE_ROOTS] = _page_roots(app)
    prepare_root(app, options.path_prefix, has_docs=options.has_docs)
    add_well_known(app, options.related_origins, options.password_page)
    if options.has_docs:
        add_documentation(app, options.path_prefix)
    return app


def _with_state(app: ASGIApp, container: AsyncContainer, pages: Pages) -> ASGIApp:
    """Do what dishka's own ``setup_dishka`` does, but make no container for each request: all
    that is injected here lives as long as the application.

    :param pages: for errors, whose handlers get nothing injected.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] |= {"dishka_container": container, PAGES_STATE: pages}
        await app(scope, receive, send)

    return wrapped


def _page_roots(app: Litestar) -> frozenset[str]:
    """Return the first segments of the paths of pages, and of those for administrators, which may
    be off.
    """
    found = {
        route.path.split("/")[1]
        for route in app.routes
        if isinstance(route, HTTPRoute)
        if any(is_page(handler) for handler in route.route_handlers)
    }
    return frozenset({*found, "admin"} if "account" in found else found)
