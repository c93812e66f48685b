"""Who visits a page: by the cookies that the API sets, too."""

from dataclasses import dataclass, replace

from api.json_request import is_prefetch
from api.request_context import context_in
from api.security.cookies import CookieWriter
from api.security.credential_reader import Connection, CredentialReader
from application.authenticate import Authenticate
from application.authentication import ResumeSession
from application.session_activity import RecordSessionActivity
from domain.actor import Principal
from domain.errors import NotLoggedIn, TokenRejected

COOKIES = "page_cookies"
"""In the state of a request: the cookies that its response has to set."""


class PrefetchRefused(Exception):
    """A page that would refresh the session was asked for before its visit."""


@dataclass(frozen=True, slots=True)
class Visitors:
    """Authenticates the visitors of pages. An expired access token is refreshed by the way."""

    credentials: CredentialReader
    cookies: CookieWriter
    authenticate: Authenticate
    resume_session: ResumeSession
    record_activity: RecordSessionActivity

    async def find(self, connection: Connection) -> Principal | None:
        """Return the visitor who is logged in; ``None`` of another one, whose cookies of a session
        that has ended are removed.
        """
        try:
            return await self.admit(connection)
        except NotLoggedIn:
            return None
        except TokenRejected:
            connection.scope["state"][COOKIES] = self.cookies.removal()
            return None

    async def admit(self, connection: Connection) -> Principal:
        """Put the visitor into ``request.user``.

        Only cookies count: no browser sends another token with a page.

        :raises NotLoggedIn: there are no cookies of a session.
        :raises TokenRejected: they are not good, or not any more.
        :raises PrefetchRefused: only a visit refreshes the session.
        """
        presented = await self.credentials.read(connection)
        if presented.access is not None and not presented.has_access_cookie:
            raise TokenRejected
        caller = context_in(connection.scope)
        principal = None
        if presented.access is not None:
            try:
                principal = await self.authenticate(presented.access, caller)
            except TokenRejected:
                if presented.refresh is None:
                    raise
        if principal is None:
            principal = await self._refresh(connection, presented.refresh)
        if self.record_activity.is_due(principal.session):
            self.record_activity.record(principal.session, caller)
        connection.scope["user"] = principal
        return principal

    async def _refresh(self, connection: Connection, refresh: str | None) -> Principal:
        """Refresh the session, and have its new cookies set with the response."""
        if refresh is None:
            raise NotLoggedIn
        if is_prefetch(connection.headers):
            raise PrefetchRefused
        device = self.credentials.device_token(connection)
        caller = replace(context_in(connection.scope), device_token=device)
        principal, tokens = await self.resume_session(refresh, caller)
        connection.scope["state"][COOKIES] = self.cookies.of_tokens(tokens)
        return principal
