"""The members that every successful response has."""

from typing import Literal

from msgspec import Struct

Success = Literal["success"]


class Done(Struct):
    """The request was carried out."""

    status: Success
