"""The state of the service, over the wire."""

from typing import Literal

from msgspec import Struct

from api.schemas.success import Success


class Greeting(Struct):
    """The service is there."""

    status: Success
    message: str


Check = Literal["up", "down", "ending"]


class Readiness(Struct):
    """Whether each part answers. ``server`` is there once it is ending."""

    status: Literal["success", "error"]
    checks: dict[str, Check]
