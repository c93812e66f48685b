"""Health and keys: what load balancers and other services ask."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Literal
from uuid import UUID

from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.openapi import ResponseSpec

from api.guard import PUBLIC
from api.schemas import Done, Greeting, KeySet, Readiness
from application.ports import SessionStore, TokenSigner, UserRepository
from domain.session import SessionId
from domain.user import UserId

log = logging.getLogger("doorward")

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
            503: ResponseSpec(Readiness, description="A store is down", generate_examples=False)
        },
    )
    @inject
    async def ready(
        self, users: FromDishka[UserRepository], sessions: FromDishka[SessionStore]
    ) -> Response[Readiness]:
        """Whether each store answers a read. Send requests elsewhere while it does not."""
        answers = await asyncio.gather(
            _check(users.get(_NOBODY)), _check(sessions.get(_NOBODY, _NO_SESSION))
        )
        checks = dict(zip(("users", "sessions"), answers, strict=True))
        is_ready = "down" not in answers
        return Response(
            Readiness("success" if is_ready else "error", checks),
            status_code=200 if is_ready else 503,
            headers={} if is_ready else {"Retry-After": "1"},
        )

    @get(
        "/.well-known/jwks.json",
        summary="Public keys",
        cache_control=CacheControlHeader(public=True, max_age=300),
    )
    @inject
    async def keys(self, signer: FromDishka[TokenSigner]) -> KeySet:
        """The public keys of access tokens (RFC 7517)."""
        return KeySet([dict(key) for key in signer.public_keys()])


async def _check(read: Awaitable[Any]) -> Literal["up", "down"]:
    try:
        await read
    except Exception:
        log.exception("a store is not ready")
        return "down"
    return "up"
