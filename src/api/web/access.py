"""The access to pages: who may open them, and from where a form may come."""

from dataclasses import dataclass

from litestar.handlers import BaseRouteHandler

from api.request_context import context_in
from api.security.credential_reader import Connection, CredentialReader
from api.security.guard import Guard
from api.web.page import Pages
from api.web.route_options import PAGE
from api.web.visitors import Visitors

_SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class PageGuard:
    """Authenticates visitors and refuses forms of other sites. All pages have it."""

    pages: Pages
    visitors: Visitors
    credentials: CredentialReader
    api: Guard

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """
        :raises CrossSiteRequest: the form is none of this service's, logging in included.
        :raises NotLoggedIn: the page is for users, and the visitor is not logged in.
        :raises TokenRejected: as before, with cookies that are not good.
        :raises EnrolmentRequired: the user must enrol a second factor first.
        :raises PermissionMissing: the page needs a permission that the visitor's role lacks.
        """
        if connection.scope.get("method") not in _SAFE_METHODS:
            await self.credentials.reject_foreign_form(connection)
        if handler.opt["page"] != PAGE["page"]:
            principal = await self.visitors.admit(connection)
            if not handler.opt.get("is_for_enrolment"):
                principal = await self.api.require_enrolment(principal)
            permission = handler.opt.get("permission")
            if permission is not None:
                caller = context_in(connection.scope)
                principal = await self.api.require_permission(permission, principal, caller)
            connection.scope["user"] = principal
