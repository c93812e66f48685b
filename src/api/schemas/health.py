"""Bodies of the health checks."""

from typing import Literal

from msgspec import Struct

from api.schemas.success import Success


class Greeting(Struct):
    """The service is running."""

    status: Success
    message: str


Check = Literal["up", "down", "ending"]


class Readiness(Struct):
    """The state of each part. ``server`` appears during a shutdown."""

    status: Literal["success", "error"]
    checks: dict[str, Check]
