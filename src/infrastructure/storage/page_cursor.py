"""Cursors of lists: opaque to clients, but not secret."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.errors import InvalidInput, Problem

_MAX_LENGTH = 3000


def write(order: str, *position: object) -> str:
    """Encode the position of the last item on a page.

    :param order: the order of the list.
    :param position: of the item, in that order.
    """
    parts = [order, *(str(part) for part in position)]
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode()


def read(cursor: str, order: str, *parse: Callable[[str], Any]) -> list[Any]:
    """Decode a position.

    :param parse: parses each part of the position from its text, or raises ValueError.
    :raises InvalidInput: the cursor is invalid, or of a list in another order.
    """
    try:
        written = urlsafe_b64decode(cursor[:_MAX_LENGTH].encode("ascii"))
        parts = msgspec.json.decode(written, type=list[str])
        kinds = (_exactly(order), *parse)
        return [make(part) for make, part in zip(kinds, parts, strict=True)][1:]
    except (ValueError, OverflowError, msgspec.DecodeError):
        problem = Problem("after", "is no position in this list: start without it")
        raise InvalidInput(problem) from None


def text(part: str) -> str:
    part.encode()  # rejects a lone surrogate
    if "\x00" in part:  # PostgreSQL cannot store it
        raise ValueError
    return part


def number(part: str) -> int:
    if not (part.isascii() and part.isdigit() and len(part) < 19):
        raise ValueError
    return int(part)


def time(part: str) -> datetime:
    """Parse the ISO format of an aware datetime."""
    parsed = datetime.fromisoformat(part)
    if parsed.tzinfo is None:
        raise ValueError
    return parsed.astimezone(UTC)


def _exactly(order: str) -> Callable[[str], str]:
    def parse(part: str) -> str:
        if part != order:
            raise ValueError
        return part

    return parse
