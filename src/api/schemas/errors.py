"""Bodies of errors."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class FieldProblem(Struct):
    """One thing that is wrong with one member of the input."""

    field: str
    message: str


class Failure(Struct, omit_defaults=True):
    """The reason of a failure. ``code`` is stable; ``errors`` lists invalid input."""

    status: Literal["fail", "error"]
    message: str
    code: str
    errors: list[FieldProblem] | UnsetType = UNSET


class ProblemDetails(Struct, omit_defaults=True):
    """The same facts as RFC 9457, for clients that accept ``application/problem+json``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | UnsetType = UNSET
