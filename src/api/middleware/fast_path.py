"""The fast path: the routes that other services ask with each request, answered from the caches.

It needs a token that was verified before, and a cached session and user. The framework handles
every other request: it asks the stores, refuses and explains. It would give the same answer, only
later.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.identity_headers import identity
from api.request_context import context_in
from api.schemas.users import UserAnswer
from api.security import credentials
from api.security.cookies import CookieNames
from application.authenticate import AuthenticateFromCache
from application.session_activity import RecordSessionActivity
from domain.actor import Principal
from domain.errors import AuthError

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

_encoder = msgspec.json.Encoder()


def _me(principal: Principal) -> Answer:
    body = _encoder.encode(UserAnswer.of(principal.user))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return 200, headers, body


def _verify(principal: Principal) -> Answer:
    return 204, [(name, value.encode()) for name, value in identity(principal)], b""


_ANSWERS: dict[str, Callable[[Principal], Answer]] = {
    "/api/users/me": _me,
    "/api/auth/verify": _verify,
}


@dataclass(frozen=True, slots=True)
class FastPath:
    """What the fast path needs to answer.

    :ivar names: the names of the cookies.
    """

    names: CookieNames
    authenticate: AuthenticateFromCache
    record_activity: RecordSessionActivity


def with_fast_path(app: ASGIApp, fast_path: FastPath) -> ASGIApp:
    """Answer from the caches in front of the framework; ask the framework otherwise."""
    names, authenticate = fast_path.names, fast_path.authenticate
    record_activity = fast_path.record_activity

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        answer = _ANSWERS.get(scope["path"])
        if answer is None:
            await app(scope, receive, send)
            return
        principal = _principal(scope, names, authenticate)
        if principal is None:
            await app(scope, receive, send)
            return
        if record_activity.is_due(principal.session):
            record_activity.record(principal.session, context_in(scope))
        status, headers, body = answer(principal)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return wrapped


def _principal(
    scope: HTTPScope, names: CookieNames, authenticate: AuthenticateFromCache
) -> Principal | None:
    try:
        token = credentials.read(scope["headers"], names).access
    except AuthError:
        return None
    return None if token is None else authenticate(token)
