"""The members that every successful answer has."""

from typing import Literal

from msgspec import Struct

Success = Literal["success"]


class Done(Struct):
    """It is done."""

    status: Success
