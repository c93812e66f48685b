"""Liveness and readiness, for load balancers and orchestrators."""

import logging
import time
from collections.abc import Callable, Mapping

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

LOG_INTERVAL = 30.0
"""Seconds between two log lines about the same failing check. Any client may send probes."""

_LONGEST_REASON = 200


class HealthLog:
    """Logs health checks that fail, in one line each and at a bounded rate.

    :param monotonic: the time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged_at: dict[str, float] = {}
        self._failing: set[str] = set()

    def report(self, errors: Mapping[str, Exception | None]) -> None:
        """Log the errors of the checks, by name; ``None`` for those that passed."""
        for check, error in errors.items():
            if error is not None:
                self._failed(check, error)
            elif check in self._failing:
                self._failing.remove(check)
                log.info("health_check_recovered", check=check)

    def _failed(self, check: str, error: Exception) -> None:
        now = self._monotonic()
        if now - self._logged_at.get(check, -LOG_INTERVAL) < LOG_INTERVAL:
            return
        self._logged_at[check] = now
        self._failing.add(check)
        level = logging.WARNING if isinstance(error, Unavailable) else logging.ERROR
        log.log(level, "health_check_failed", check=check, error=_reason(error))


def _reason(error: Exception) -> str:
    """Return the error in one short line, with its cause."""
    text = str(error).partition("\n")[0][:_LONGEST_REASON]
    if not isinstance(error, Unavailable):
        return f"{type(error).__name__}: {text}"
    return f"{text} ({type(error.__cause__).__name__})" if error.__cause__ else text


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
        health_log: FromDishka[HealthLog],
        lifecycle: FromDishka[Lifecycle],
    ) -> Response[Readiness]:
        """Check that each store answers a read and, each ten seconds, accepted a write, that the
        signing keys are good, and that no shutdown has begun. Send requests elsewhere while it
        answers 503.
        """
        errors = await check()
        health_log.report(errors)
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
