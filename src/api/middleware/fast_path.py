"""A fast path for the routes that other services call with each of their own requests.

It answers when the token has been verified before, and its session and user are cached. Every
other request goes through the framework, which reads from the stores, rejects and explains; the
same request would get the same answer there, only later.
"""

from collections.abc import Callable

import msgspec
from dishka import AsyncContainer
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.controllers.gateway import identity
from api.middleware.request_context import context_in
from api.schemas.users import UserAnswer
from api.security import credentials
from api.security.origin_policy import OriginPolicy
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


def with_fast_path(
    app: ASGIApp, container: AsyncContainer, origin_policy: OriginPolicy
) -> ASGIApp:
    authenticate: AuthenticateFromCache | None = None
    record_activity: RecordSessionActivity | None = None

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal authenticate, record_activity
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        answer = _ANSWERS.get(scope["path"])
        if answer is None:
            await app(scope, receive, send)
            return
        if authenticate is None or record_activity is None:
            authenticate = await container.get(AuthenticateFromCache)
            record_activity = await container.get(RecordSessionActivity)
        principal = _principal(scope, authenticate, origin_policy)
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
    scope: HTTPScope, authenticate: AuthenticateFromCache, origin_policy: OriginPolicy
) -> Principal | None:
    try:
        token = credentials.read(scope["headers"], origin_policy).access
    except AuthError:
        return None
    return None if token is None else authenticate(token)
