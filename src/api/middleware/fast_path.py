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
from application.second_factors.policy import SecondFactorPolicy
from application.session_activity import RecordSessionActivity
from domain.actor import Principal
from domain.authentication import Level
from domain.errors import AuthError

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

_encoder = msgspec.json.Encoder()


def _me(principal: Principal, _query: bytes) -> Answer:
    body = _encoder.encode(UserAnswer.of(principal.user))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return 200, headers, body


def _verify(principal: Principal, query: bytes) -> Answer | None:
    if query and not (query == _LEVEL_TWO and principal.session.level is Level.TWO):
        return None
    return 204, [(name, value.encode()) for name, value in identity(principal)], b""


_LEVEL_TWO = b"level=2"
_ANSWERS: dict[str, Callable[[Principal, bytes], Answer | None]] = {
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
    second_factor_policy: SecondFactorPolicy


def with_fast_path(app: ASGIApp, fast_path: FastPath) -> ASGIApp:
    """Answer from the caches in front of the framework; ask the framework otherwise."""
    names, authenticate = fast_path.names, fast_path.authenticate
    record_activity = fast_path.record_activity
    policy = fast_path.second_factor_policy
    may_restrict, restricts = policy.demands_factors, policy.restricts

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        make_answer = _ANSWERS.get(scope["path"])
        if make_answer is None:
            await app(scope, receive, send)
            return
        principal = _principal(scope, names, authenticate)
        if principal is None or (may_restrict and restricts(principal.session, principal.user)):
            await app(scope, receive, send)
            return
        answer = make_answer(principal, scope["query_string"])
        if answer is None:
            await app(scope, receive, send)
            return
        if record_activity.is_due(principal.session):
            record_activity.record(principal.session, context_in(scope))
        status, headers, body = answer
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
