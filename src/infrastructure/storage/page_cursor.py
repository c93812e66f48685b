"""Where the next page of a list begins, as clients carry it: opaque to them, and not secret."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.errors import InvalidInput, Problem

_LONGEST = 3000


def write(order: str, *position: object) -> str:
    """
    :param order: that the list is in.
    :param position: of the last item on the page, in that order.
    """
    parts = [order, *(str(part) for part in position)]
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode()


def read(cursor: str, order: str, *parse: Callable[[str], Any]) -> list[Any]:
    """
    :param parse: what makes each part of the position from its text, or raises ValueError.
    :raises InvalidInput: it is none of ours, or of a list in another order.
    """
    try:
        written = urlsafe_b64decode(cursor[:_LONGEST].encode("ascii"))
        parts = msgspec.json.decode(written, type=list[str])
        kinds = (_exactly(order), *parse)
        return [make(part) for make, part in zip(kinds, parts, strict=True)][1:]
    except (ValueError, OverflowError, msgspec.DecodeError):
        problem = Problem("after", "is no position in this list: start without it")
        raise InvalidInput(problem) from None


def text(part: str) -> str:
    part.encode()  # a lone surrogate is no text
    if "\x00" in part:  # which PostgreSQL cannot take
        raise ValueError
    return part


def number(part: str) -> int:
    if not (part.isascii() and part.isdigit() and len(part) < 19):
        raise ValueError
    return int(part)


def time(part: str) -> datetime:
    """As :meth:`datetime.isoformat` writes those with a zone."""
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
