"""Refuse members of a request body, and query parameters, that the route does not have."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Any, get_args

from litestar import Request
from msgspec import Struct
from msgspec.structs import fields

from domain.errors import InvalidInput, Problem

_MOST_NAMED = 10
_LONGEST_NAME = 64
"""In characters. A longer name is cut."""


class StrictBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """A body whose unknown members are refused, since ignoring them would look like success."""


def reject_unknown(members: object, body: Any) -> None:
    """
    :param members: the decoded body.
    :param body: its schema, or a union with it. If it is not a :class:`StrictBody`, only the names
        in its ``MISSPELLINGS`` are refused.
    :raises InvalidInput: names the members that are refused.
    """
    if not isinstance(members, dict):
        return
    for schema, known in _schemas_of(body):
        refused = islice(_refused(members, known, schema), _MOST_NAMED)
        if problems := [_problem(_printable(name), known, "members") for name in refused]:
            raise InvalidInput(*problems)


@cache
def _schemas_of(body: Any) -> Sequence[tuple[type[Struct], list[str]]]:
    """Return each schema of a body, with the members that it knows.

    msgspec reads the annotations of a schema each time that it is asked for these.
    """
    schemas = [each for each in (body, *get_args(body)) if _is_struct(each)]
    return [(schema, [field.encode_name for field in fields(schema)]) for schema in schemas]


def only_parameters(*known: str) -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """Return what refuses all other query parameters, as ``before_request`` of a route.

    A misspelled parameter that is ignored looks like success: it ends other sessions than meant,
    or lists more. Routes without parameters ignore those that they get.

    :raises InvalidInput: names those that are not known, or are there twice.
    """

    async def reject(request: Request[Any, Any, Any]) -> None:
        # As sent, and repeated ones too; multi_items() has no order.
        names = [name for name, _ in request.query_params.items()]
        unknown = islice((name for name in names if name not in known), _MOST_NAMED)
        problems = [_problem(_printable(name), known, "parameters") for name in unknown]
        problems += [Problem(name, "is there twice") for name in known if names.count(name) > 1]
        if problems:
            raise InvalidInput(*problems)

    return reject


def _refused(members: Iterable[str], known: list[str], schema: type[Struct]) -> Iterable[str]:
    unknown = (name for name in members if name not in known)
    if schema.__struct_config__.forbid_unknown_fields:
        return unknown
    misspellings: frozenset[str] = getattr(schema, "MISSPELLINGS", frozenset())
    return (name for name in unknown if name in misspellings)


def _problem(name: str, known: Sequence[str], kind: str) -> Problem:
    """
    :param kind: the plural of what has such a name.
    """
    if near := get_close_matches(name, known, n=1):
        return Problem(name, f"is not known; did you mean {near[0]}?")
    return Problem(name, f"is not known; the {kind} are {', '.join(known)}")


def _printable(name: str) -> str:
    """Cut a name, and replace the characters that a page would hide or turn around."""
    return "".join(each if each.isprintable() else "?" for each in name[:_LONGEST_NAME])


def _is_struct(schema: object) -> bool:
    return isinstance(schema, type) and issubclass(schema, Struct)
