"""Liveness and readiness, for load balancers and orchestrators."""

import structlog
from dishka.integrations.litestar import FromDishka, inject
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec

from api.lifecycle import Lifecycle
from api.schemas.health import Check, Greeting, Readiness
from api.schemas.success import Done
from api.security.guard import PUBLIC
from application.readiness import CheckReadiness
from domain.errors import Unavailable

log = structlog.stdlib.get_logger("doorward")


class OperationController(Controller):
    tags = ["operation"]
    opt = PUBLIC

    @get("/api/healthchecker", summary="Greet")
    async def greet(self) -> Greeting:
        """Say that the service runs, as the tutorial's server did."""
        return Greeting("success", "Doorward: signed tokens that can be revoked at once")

    @get("/health/live", summary="Check that the process runs")
    async def check_liveness(self) -> Done:
        """Answer without asking any store. Restart the process if it does not answer."""
        return Done("success")

    @get(
        "/health/ready",
        summary="Check that the service can answer",
        responses={
            503: ResponseSpec(
                Readiness,
                description="A store is down, or the service is about to end",
                generate_examples=False,
            )
        },
    )
    @inject
    async def check_readiness(
        self,
        check: FromDishka[CheckReadiness],
        lifecycle: FromDishka[Lifecycle],
    ) -> Response[Readiness]:
        """Check that each store answers a read, that the signing keys are good, and that no
        shutdown has begun. Send requests elsewhere while it answers 503.
        """
        errors = await check()
        for name, error in errors.items():
            _log(name, error)
        checks: dict[str, Check] = {
            name: "down" if error else "up" for name, error in errors.items()
        }
        if lifecycle.reports_not_ready:
            checks["server"] = "ending"
        is_ready = set(checks.values()) == {"up"}
        return Response(
            Readiness("success" if is_ready else "error", checks),
            status_code=200 if is_ready else 503,
            headers={} if is_ready else {"Retry-After": "1"},
        )


def _log(check: str, error: Exception | None) -> None:
    if isinstance(error, Unavailable):
        log.warning("health_check_failed", check=check, error=str(error))
    elif error is not None:
        log.error("health_check_failed", check=check, exc_info=error)
