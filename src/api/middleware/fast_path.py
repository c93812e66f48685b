"""The routes that other services ask with each of their requests, answered at once where possible.

Possible it is when the token has been verified before, and the session and the user are at hand.
Everything else goes the framework's way, which asks the stores, refuses and explains; the same
request would get the same answer there, only later.
"""

from collections.abc import Callable

import msgspec
from dishka import AsyncContainer
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api.controllers.gateway import identity
from api.middleware.request_context import caller_in
from api.schemas.users import UserAnswer
from api.security import credentials
from api.security.origin_policy import Site
from application.authenticate import Authenticate, Principal
from application.session_activity import LastSeen
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


def with_answers_at_hand(app: ASGIApp, container: AsyncContainer, site: Site) -> ASGIApp:
    authenticate: Authenticate | None = None
    last_seen: LastSeen | None = None

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal authenticate, last_seen
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        answer = _ANSWERS.get(scope["path"])
        if answer is None:
            await app(scope, receive, send)
            return
        if authenticate is None or last_seen is None:
            authenticate = await container.get(Authenticate)
            last_seen = await container.get(LastSeen)
        principal = _principal(scope, authenticate, site)
        if principal is None:
            await app(scope, receive, send)
            return
        if last_seen.is_due(principal.session):
            last_seen.note(principal.session, caller_in(scope))
        status, headers, body = answer(principal)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return wrapped


def _principal(scope: HTTPScope, authenticate: Authenticate, site: Site) -> Principal | None:
    try:
        token = credentials.read(scope["headers"], site).access
    except AuthError:
        return None
    return None if token is None else authenticate.at_hand(token)
