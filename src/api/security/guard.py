"""Deny by default: every route needs a good access token unless it says ``opt=PUBLIC``."""

from dataclasses import dataclass

from litestar.handlers import BaseRouteHandler

from api.request_context import context_in
from api.security.credential_reader import Connection, CredentialReader
from application.audit import Audit
from application.authenticate import Authenticate, ReloadPrincipal
from application.second_factors.policy import SecondFactorPolicy
from application.session_activity import RecordSessionActivity
from domain.actor import Principal
from domain.audit.details import PermissionNeeded
from domain.audit.event import EventType
from domain.errors import EnrolmentRequired, NotLoggedIn, PermissionMissing
from domain.permissions import Permission
from domain.request_context import RequestContext

PUBLIC = {"is_public": True}
"""The options of a route that needs no access token."""

FOR_ENROLMENT = {"is_for_enrolment": True}
"""The options of a route that users need to enrol a second factor: it answers them before they
have the one that the operator demands.
"""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def requires(permission: Permission) -> dict[str, Permission]:
    """Return the options of a route that needs this permission of the caller's role."""
    return {"permission": permission}


@dataclass(frozen=True, slots=True)
class Guard:
    """Authenticates the caller of a route. Litestar asks it before each handler."""

    credentials: CredentialReader
    authenticate: Authenticate
    reload_principal: ReloadPrincipal
    record_activity: RecordSessionActivity
    second_factor_policy: SecondFactorPolicy
    audit: Audit

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Put the :class:`~domain.actor.Principal` into ``request.user``, or refuse.

        :raises NotLoggedIn: there is no access token.
        :raises TokenRejected: see :class:`~application.authenticate.Authenticate`.
        :raises CrossSiteRequest: see :meth:`OriginPolicy.reject_cross_site`.
        :raises EnrolmentRequired: the caller must enrol a second factor before using this route.
        :raises PermissionMissing: the route needs a permission that the caller's role lacks.
        """
        if handler.opt.get("is_public"):
            return
        presented = await self.credentials.read(connection)
        if presented.access is None:
            raise NotLoggedIn
        if presented.has_access_cookie and connection.scope.get("method") not in _SAFE_METHODS:
            await self.credentials.reject_cross_site(connection)
        caller = context_in(connection.scope)
        principal = await self.authenticate(presented.access, caller)
        if self.record_activity.is_due(principal.session):
            self.record_activity.record(principal.session, caller)
        if not handler.opt.get("is_for_enrolment"):
            principal = await self.require_enrolment(principal)
        permission = handler.opt.get("permission")
        if permission is not None:
            principal = await self.require_permission(permission, principal, caller)
        connection.scope["user"] = principal

    async def require_enrolment(self, principal: Principal) -> Principal:
        """
        :raises EnrolmentRequired: the policy restricts the session, even as stored now.
        :raises TokenRejected: the session has ended, or its user is gone or disabled.
        """
        restricts = self.second_factor_policy.restricts
        if restricts(principal.session, principal.user):
            principal = await self.reload_principal(principal)
            if restricts(principal.session, principal.user):
                raise EnrolmentRequired
        return principal

    async def require_permission(
        self, permission: Permission, principal: Principal, caller: RequestContext
    ) -> Principal:
        """Never accept a permission on cached data: re-read the user and the session first.

        :raises PermissionMissing: the role lacks it.
        :raises EnrolmentRequired: see :meth:`require_enrolment`.
        :raises TokenRejected: the session has ended, or its user is gone or disabled.
        """
        principal = await self.require_enrolment(await self.reload_principal(principal))
        try:
            principal.require(permission)
        except PermissionMissing as refused:
            entry = self.audit.begin(EventType.USE_PERMISSION, caller)
            entry.is_about(principal.session)
            entry.details = PermissionNeeded(permission)
            await self.audit.refused(entry, refused)
            raise
        return principal
