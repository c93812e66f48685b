"""Deny by default: every route needs a good access token unless it says ``opt=PUBLIC``."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.middleware.request_context import context_of
from api.security import credentials
from api.security.origin_policy import CrossSiteRequest, OriginPolicy
from application.audit import Audit, Entry
from application.authenticate import Authenticate, ReloadPrincipal
from application.session_activity import RecordSessionActivity
from domain.audit_details import PermissionNeeded
from domain.audit_event import EventType
from domain.errors import NotLoggedIn, PermissionMissing, TokenRejected
from domain.permissions import Permission

PUBLIC = {"is_public": True}

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def require_login(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Put the :class:`~application.authenticate.Principal` into ``request.user``, or refuse.

    :raises NotLoggedIn: no access token.
    :raises TokenRejected: see :class:`~application.authenticate.Authenticate`.
    :raises CrossSiteRequest: see :meth:`~api.security.origin_policy.Site.reject_cross_site`.
    """
    if handler.opt.get("is_public"):
        return
    request = Request[Any, Any, Any](connection.scope)
    presented = await credentials_of(request)
    if presented.access is None:
        raise NotLoggedIn
    if presented.has_access_cookie and request.method not in _SAFE_METHODS:
        await reject_cross_site(request)
    container = request.app.state.dishka_container
    authenticate = await container.get(Authenticate)
    principal = await authenticate(presented.access, context_of(request))
    connection.scope["user"] = principal
    record_activity = await container.get(RecordSessionActivity)
    if record_activity.is_due(principal.session):
        record_activity.record(principal.session, context_of(request))


def requires(permission: Permission) -> Guard:
    """Of a route that only those may call whose role has this permission: as of now, and not as of
    a copy near at hand.

    :raises PermissionMissing: the caller's role lacks it.
    :raises TokenRejected: the caller is not good any more.
    """

    async def check(
        connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
    ) -> None:
        request = Request[Any, Any, Any](connection.scope)
        reload_principal = await request.app.state.dishka_container.get(ReloadPrincipal)
        principal = await reload_principal(request.user)
        connection.scope["user"] = principal
        try:
            principal.require(permission)
        except PermissionMissing as refused:
            entry = await _entry(EventType.USE_PERMISSION, request)
            entry.is_about(principal.session)
            entry.details = PermissionNeeded(permission)
            await entry.audit.refused(entry, refused)
            raise

    check.permission = permission  # type: ignore[attr-defined] # for whoever walks the routes
    return check


async def credentials_of(request: Request[Any, Any, Any]) -> credentials.Credentials:
    """
    :raises TokenRejected: see :func:`credentials.read`. It is recorded: what is ambiguous was made
        by somebody.
    """
    try:
        return credentials.read(request.scope["headers"], request.app.state.origin_policy)
    except TokenRejected as refused:
        entry = await _entry(EventType.READ_CREDENTIALS, request)
        await entry.audit.refused(entry, refused)
        raise


async def reject_cross_site(request: Request[Any, Any, Any]) -> None:
    """
    :raises CrossSiteRequest: see ``Site.reject_cross_site``. It is recorded: whose
        browser sends such a request is being attacked.
    """
    origin_policy: OriginPolicy = request.app.state.origin_policy
    try:
        origin_policy.reject_cross_site(request.headers)
    except CrossSiteRequest as refused:
        entry = await _entry(EventType.USE_COOKIES, request)
        await entry.audit.refused(entry, refused)
        raise


async def _entry(event_type: EventType, request: Request[Any, Any, Any]) -> Entry:
    audit: Audit = await request.app.state.dishka_container.get(Audit)
    return audit.begin(event_type, context_of(request))
