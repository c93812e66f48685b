"""Reads the credentials of requests, and records those that it refuses."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from litestar.connection import ASGIConnection

from api.request_context import context_in
from api.security import cookies, credentials
from api.security.cookies import CookieNames
from api.security.credentials import Credentials
from api.security.origin_policy import CrossSiteRequest, OriginPolicy
from application.audit import Audit
from domain.audit.event import EventType
from domain.errors import AuthError, SecondFactorRequired, TokenRejected

_MOST_COOKIES = 4
"""Of one name, that a logout looks at."""

Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class CredentialReader:
    """Reads the credentials of requests."""

    names: CookieNames
    origin_policy: OriginPolicy
    audit: Audit

    async def read(self, connection: Connection) -> Credentials:
        """Return the tokens of a request.

        :raises TokenRejected: they are ambiguous; see :func:`credentials.read`. It is recorded:
            no client sends such a request by accident.
        """
        try:
            return credentials.read(connection.scope["headers"], self.names)
        except TokenRejected as refused:
            await self._record(EventType.READ_CREDENTIALS, refused, connection)
            raise

    def read_all(self, connection: Connection) -> list[tuple[str | None, str | None]]:
        """Return the access and refresh tokens of all cookies, also where a name is there twice:
        a logout ends what it can.
        """
        headers = connection.scope["headers"]
        cookie_headers = [value for name, value in headers if name == b"cookie"]
        access = cookies.read_all(cookie_headers, self.names.access)
        refresh = cookies.read_all(cookie_headers, self.names.refresh)
        return list(zip_longest(access, refresh))[:_MOST_COOKIES]

    def device_token(self, connection: Connection) -> str | None:
        """Return the token of the device's cookie, if there is one."""
        return credentials.device_token(connection.scope["headers"], self.names)

    def pending_login(self, connection: Connection) -> SecondFactorRequired | None:
        """Return the login that waits for a second factor; ``None`` if the browser has none."""
        return credentials.pending_login(connection.scope["headers"], self.names)

    async def reject_cross_site(self, connection: Connection) -> None:
        """Accept only a request that may use the cookies of a browser.

        :raises CrossSiteRequest: see :meth:`OriginPolicy.reject_cross_site`. It is recorded: the
            user of that browser is under attack.
        """
        try:
            self.origin_policy.reject_cross_site(connection.headers)
        except CrossSiteRequest as refused:
            await self._record(EventType.USE_COOKIES, refused, connection)
            raise

    async def reject_foreign_form(self, connection: Connection) -> None:
        """Accept only a form of a page of this service, and record one that is refused.

        :raises CrossSiteRequest: see :meth:`OriginPolicy.reject_foreign_form`.
        """
        try:
            self.origin_policy.reject_foreign_form(connection.headers)
        except CrossSiteRequest as refused:
            await self._record(EventType.USE_COOKIES, refused, connection)
            raise

    async def _record(
        self, event_type: EventType, refused: AuthError, connection: Connection
    ) -> None:
        entry = self.audit.begin(event_type, context_in(connection.scope))
        await self.audit.refused(entry, refused)
