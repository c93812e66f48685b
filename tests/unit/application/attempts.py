"""Attempts under rate limits, and their outcomes."""

from datetime import timedelta
from typing import Any

from application.rate_limiting import RateLimits
from domain.errors import InvalidCredentials
from domain.rate_limit import RateLimit, TooManyRequests
from domain.request_context import RequestContext
from tests.support.builders import PASSWORD
from tests.support.world import World

WINDOW = timedelta(minutes=15)
ADA, EVE = "ada@example.org", "eve@example.org"
HERE, THERE = RequestContext("192.0.2.1"), RequestContext("198.51.100.7")
GUESS = "a guess"
FIELDS = tuple(name for name in RateLimits.__dataclass_fields__ if not name.startswith("factor"))


def limited(attempts: int = 3, *names: str) -> RateLimits:
    """Return rate limits with these names set, or all of them."""
    limits: dict[str, Any] = {
        name: RateLimit(name.replace("_", "-"), attempts, WINDOW) for name in names or FIELDS
    }
    return RateLimits(**limits)


async def log_in(
    world: World, email: str = ADA, password: str = GUESS, caller: RequestContext = HERE
) -> str:
    """
    :returns: how it ended.
    """
    try:
        await world.login(email, password, caller)
    except InvalidCredentials:
        return "wrong"
    except TooManyRequests as refused:
        return refused.limit.name
    return "in"


async def register(world: World, email: str, caller: RequestContext = HERE) -> str:
    try:
        await world.register("Ada", email, PASSWORD, caller)
    except TooManyRequests as refused:
        return refused.limit.name
    return "in"


async def refresh(world: World, token: str, caller: RequestContext = HERE) -> str:
    try:
        await world.refresh(token, caller)
    except TooManyRequests as refused:
        return refused.limit.name
    return "in"


def addresses() -> list[RequestContext]:
    return [RequestContext(f"203.0.113.{number}") for number in range(1, 6)]
