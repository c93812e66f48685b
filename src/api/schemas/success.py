"""The members that every successful response has."""

from typing import Literal

from msgspec import Struct

Success = Literal["success"]


class Accepted(Struct):
    """The request was accepted. The response does not depend on what is stored."""

    status: Success
    message: str


class Done(Struct):
    """The request was carried out."""

    status: Success
