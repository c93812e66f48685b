"""Refuse members of a request body that its schema does not have."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args

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
    schemas = [each for each in (body, *get_args(body)) if _is_struct(each)]
    for schema in schemas:
        known = [field.encode_name for field in fields(schema)]
        refused = islice(_refused(members, known, schema), _MOST_NAMED)
        if problems := [_problem(_printable(name), known) for name in refused]:
            raise InvalidInput(*problems)


def _refused(members: Iterable[str], known: list[str], schema: type[Struct]) -> Iterable[str]:
    unknown = (name for name in members if name not in known)
    if schema.__struct_config__.forbid_unknown_fields:
        return unknown
    misspellings: frozenset[str] = getattr(schema, "MISSPELLINGS", frozenset())
    return (name for name in unknown if name in misspellings)


def _problem(name: str, known: list[str]) -> Problem:
    if near := get_close_matches(name, known, n=1):
        return Problem(name, f"is not known; did you mean {near[0]}?")
    return Problem(name, f"is not known; the members are {', '.join(known)}")


def _printable(name: str) -> str:
    """Cut a name, and replace the characters that a page would hide or turn around."""
    return "".join(each if each.isprintable() else "?" for each in name[:_LONGEST_NAME])


def _is_struct(schema: object) -> bool:
    return isinstance(schema, type) and issubclass(schema, Struct)
