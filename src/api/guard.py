"""Deny by default: every route needs a good access token unless it says ``opt=PUBLIC``."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api import credentials
from api.caller import caller_of
from api.site import CrossSiteRequest, Site
from application.audit import Audit
from application.authenticate import Authenticate
from domain.errors import AuthError, NotLoggedIn, TokenRejected

PUBLIC = {"is_public": True}

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def require_login(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Put the :class:`~application.authenticate.Principal` into ``request.user``, or refuse.

    :raises NotLoggedIn: no access token.
    :raises TokenRejected: see :class:`~application.authenticate.Authenticate`.
    :raises CrossSiteRequest: see :meth:`~api.site.Site.refuse_strangers`.
    """
    if handler.opt.get("is_public"):
        return
    request = Request[Any, Any, Any](connection.scope)
    presented = await credentials_of(request)
    if presented.access is None:
        raise NotLoggedIn
    if presented.has_access_cookie and request.method not in _SAFE_METHODS:
        await refuse_strangers(request)
    authenticate = await request.app.state.dishka_container.get(Authenticate)
    connection.scope["user"] = await authenticate(presented.access, caller_of(request))


async def credentials_of(request: Request[Any, Any, Any]) -> credentials.Credentials:
    """
    :raises TokenRejected: see :func:`credentials.read`. It is recorded: what is ambiguous was made
        by somebody.
    """
    try:
        return credentials.read(request.scope["headers"], request.app.state.site)
    except TokenRejected as refused:
        await _record("read credentials", refused, request)
        raise


async def refuse_strangers(request: Request[Any, Any, Any]) -> None:
    """
    :raises CrossSiteRequest: see :meth:`~api.site.Site.refuse_strangers`. It is recorded: whose
        browser sends such a request is being attacked.
    """
    site: Site = request.app.state.site
    try:
        site.refuse_strangers(request.headers)
    except CrossSiteRequest as refused:
        await _record("use cookies", refused, request)
        raise


async def _record(what: str, refused: AuthError, request: Request[Any, Any, Any]) -> None:
    audit = await request.app.state.dishka_container.get(Audit)
    await audit.record(what, refused, caller_of(request))
