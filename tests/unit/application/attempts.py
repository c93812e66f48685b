"""Attempts under limits, and how they end."""

from datetime import timedelta

from application.rate_limiting import AttemptLimits
from domain.audit_event import Caller
from domain.errors import InvalidCredentials
from domain.rate_limit import Limit, TooManyRequests
from tests.support.builders import PASSWORD, House

WINDOW = timedelta(minutes=15)
ADA, EVE = "ada@example.org", "eve@example.org"
HERE, THERE = Caller("192.0.2.1"), Caller("198.51.100.7")
GUESS = "a guess"
FIELDS = tuple(AttemptLimits.__dataclass_fields__)


def limited(attempts: int = 3, *names: str) -> AttemptLimits:
    """These limits, or all of them."""
    return AttemptLimits(
        **{name: Limit(name.replace("_", "-"), attempts, WINDOW) for name in names or FIELDS}
    )


async def log_in(
    house: House, email: str = ADA, password: str = GUESS, caller: Caller = HERE
) -> str:
    """
    :returns: how it ended.
    """
    try:
        await house.login(email, password, caller)
    except InvalidCredentials:
        return "wrong"
    except TooManyRequests as refused:
        return refused.limit.name
    return "in"


async def register(house: House, email: str, caller: Caller = HERE) -> str:
    try:
        await house.register("Ada", email, PASSWORD, caller)
    except TooManyRequests as refused:
        return refused.limit.name
    return "in"


async def refresh(house: House, token: str, caller: Caller = HERE) -> str:
    try:
        await house.refresh(token, caller)
    except TooManyRequests as refused:
        return refused.limit.name
    return "in"


def addresses() -> list[Caller]:
    return [Caller(f"203.0.113.{number}") for number in range(1, 6)]
