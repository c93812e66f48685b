"""Bodies of errors."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.authentication import Method


class FieldProblem(Struct):
    """One thing that is wrong with one member of the input."""

    field: str
    message: str


class Details(Struct, omit_defaults=True, kw_only=True):
    """What a client needs to go on."""

    errors: list[FieldProblem] | UnsetType = UNSET
    challenge: Annotated[
        str | UnsetType,
        Meta(description="Of `second_factor_required`: to be sent with the second factor."),
    ] = UNSET
    methods: Annotated[
        Sequence[Method] | UnsetType,
        Meta(
            description="Of `second_factor_required`, `step_up_required` and `level_too_low`: any "
            "one is enough."
        ),
    ] = UNSET
    expires_in: Annotated[
        int | UnsetType, Meta(description="Seconds until the challenge expires.")
    ] = UNSET


class Failure(Details, omit_defaults=True, kw_only=True):
    """The reason of a failure. ``code`` is stable; ``errors`` lists invalid input."""

    status: Literal["fail", "error"]
    message: str
    code: str


class ProblemDetails(Details, omit_defaults=True, kw_only=True):
    """The same facts as RFC 9457, for clients that accept ``application/problem+json``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
