"""The sessions of the user who is logged in."""

from typing import Annotated

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, delete, get
from litestar.params import FromPath, QueryParameter

from api.json_request import JsonRequest
from api.openapi.operations import ACCESS, REMOVES_COOKIES, NeverInvalid, failures
from api.request_context import context_of
from api.schemas.sessions import SessionsAnswer
from api.schemas.success import Done
from api.security.cookies import CookieWriter
from api.security.origin_policy import CrossSiteRequest
from api.session_response import logged_out
from api.unknown_members import only_parameters
from application.sessions.find import ListSessions
from application.sessions.revoke import RevokeAllSessions, RevokeOtherSessions, RevokeSession
from domain.errors import InvalidInput, NotFound, NotLoggedIn, TokenRejected, Unavailable
from domain.session import SessionId

_FAILURES = (NotLoggedIn, TokenRejected, CrossSiteRequest, Unavailable)


class SessionController(Controller):
    path = "/api/sessions"
    tags = ["sessions"]
    security = ACCESS

    @get(
        summary="List my sessions",
        responses=failures(NotLoggedIn, TokenRejected, Unavailable),
    )
    @inject
    async def list_sessions(
        self, request: JsonRequest, list_sessions: FromDishka[ListSessions]
    ) -> SessionsAnswer:
        """List my sessions: browser or program, start, last activity and address."""
        return SessionsAnswer.of(await list_sessions(request.user), request.user.session.id)

    @delete(
        "/{session_id:str}",
        status_code=200,
        summary="End a session of mine",
        response_headers=REMOVES_COOKIES,
        operation_class=NeverInvalid,
        responses=failures(NotFound, *_FAILURES),
    )
    @inject
    async def end_session(
        self,
        request: JsonRequest,
        session_id: FromPath[str],
        revoke_session: FromDishka[RevokeSession],
        cookies: FromDishka[CookieWriter],
    ) -> Response[Done]:
        """End one session. All its tokens are invalid everywhere, at once."""
        await revoke_session(request.user, SessionId(session_id), context_of(request))
        return _done(cookies, is_out=session_id == request.user.session.id)

    @delete(
        status_code=200,
        before_request=only_parameters("all"),
        summary="End my other sessions, or all of them",
        response_headers=REMOVES_COOKIES,
        responses=failures(InvalidInput, *_FAILURES),
    )
    @inject
    async def end_sessions(
        self,
        request: JsonRequest,
        revoke_others: FromDishka[RevokeOtherSessions],
        revoke_all: FromDishka[RevokeAllSessions],
        cookies: FromDishka[CookieWriter],
        all: Annotated[bool, QueryParameter(description="This session as well.")] = False,  # noqa: A002
    ) -> Response[Done]:
        """Log out everywhere else, or with `?all=true` here as well."""
        if all:
            await revoke_all(request.user, context_of(request))
        else:
            await revoke_others(request.user, context_of(request))
        return _done(cookies, is_out=all)


def _done(cookies: CookieWriter, *, is_out: bool) -> Response[Done]:
    return logged_out(cookies) if is_out else Response(Done("success"))
