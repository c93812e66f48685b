"""Health and keys: what load balancers and other services ask."""

import asyncio
import logging
from collections.abc import Awaitable
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import msgspec
from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader, State
from litestar.openapi import ResponseSpec

from api.json_request import JsonRequest
from api.lifecycle import Lifecycle
from api.openapi import Revalidated, failures
from api.schemas.health import Check, Greeting, Readiness
from api.schemas.jwks import KeySet
from api.schemas.success import Done
from api.security.guard import PUBLIC
from application.ports import SessionStore, TokenSigner, UserRepository
from domain.errors import Unavailable
from domain.key_ring import KeyTimes
from domain.session import SessionId
from domain.user import UserId

log = logging.getLogger("doorward")

_KEY_HEADERS = {
    "Cache-Control": "How long the keys may be kept.",
    "ETag": "Names this set of keys; send it as If-None-Match to learn whether there is another.",
}
_NOBODY, _NO_SESSION = UserId(UUID(int=0)), SessionId("0" * 32)


class OperationController(Controller):
    tags = ["operation"]
    opt = PUBLIC

    @get("/api/healthchecker", summary="Greeting")
    async def healthchecker(self) -> Greeting:
        """Says that the service is there, as the service before it did."""
        return Greeting("success", "Doorward: signed tokens that can be revoked at once")

    @get("/health/live", summary="Liveness")
    async def live(self) -> Done:
        """Whether the process answers. It depends on nothing else: restart it if it does not."""
        return Done("success")

    @get(
        "/health/ready",
        summary="Readiness",
        responses={
            503: ResponseSpec(
                Readiness,
                description="A store is down, or the service is about to end",
                generate_examples=False,
            )
        },
    )
    @inject
    async def ready(
        self,
        state: State,
        users: FromDishka[UserRepository],
        sessions: FromDishka[SessionStore],
        signer: FromDishka[TokenSigner],
    ) -> Response[Readiness]:
        """Whether each store answers a read, the keys are known to be good, and the service goes
        on. Send requests elsewhere if not.
        """

        async def read_keys() -> None:
            signer.check()

        answers = await asyncio.gather(
            _check(users.get(_NOBODY)),
            _check(sessions.get(_NOBODY, _NO_SESSION)),
            _check(read_keys()),
        )
        names = ("users", "sessions", "keys")
        checks: dict[str, Check] = dict(zip(names, answers, strict=True))
        lifecycle: Lifecycle = state.lifecycle
        if lifecycle.is_ending:
            checks["server"] = "ending"
        is_ready = set(checks.values()) == {"up"}
        return Response(
            Readiness("success" if is_ready else "error", checks),
            status_code=200 if is_ready else 503,
            headers={} if is_ready else {"Retry-After": "1"},
        )

    @get(
        "/.well-known/jwks.json",
        summary="Public keys",
        operation_class=Revalidated,
        response_headers=[
            ResponseHeader(name=name, description=text, value="", documentation_only=True)
            for name, text in _KEY_HEADERS.items()
        ],
        responses=failures(Unavailable),
    )
    @inject
    async def keys(
        self,
        request: JsonRequest,
        signer: FromDishka[TokenSigner],
        times: FromDishka[KeyTimes],
    ) -> Response[KeySet | None]:
        """The public keys of access tokens (RFC 7517): the one that signs, the next one, and those
        whose tokens have not expired yet. Whoever meets an unknown `kid` looks here again.
        """
        keys = KeySet([dict(key) for key in signer.public_keys()])
        tag = f'"{sha256(msgspec.json.encode(keys)).hexdigest()[:32]}"'
        headers = {
            "ETag": tag,
            "Cache-Control": f"public, max-age={times.cached.total_seconds():.0f}",
        }
        if _has(request, tag):
            return Response(None, status_code=304, headers=headers)
        return Response(keys, headers=headers)


def _has(request: JsonRequest, tag: str) -> bool:
    """Whether the caller has this version already (RFC 9110, section 13.1.2)."""
    known = request.headers.get("if-none-match", "").split(",")
    return any(each.strip().removeprefix("W/") in {tag, "*"} for each in known)


async def _check(read: Awaitable[Any]) -> Literal["up", "down"]:
    try:
        await read
    except Exception:
        log.exception("a store is not ready")
        return "down"
    return "up"
