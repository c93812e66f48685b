"""The reason that an administrator gives for a change, in the text of its event.

It stands behind the details, and all that follows ``reason: `` is the reason, whatever characters
it has. Details never contain the separator.
"""

import unicodedata

from domain.errors import InvalidInput, Problem
from domain.text import is_clean, is_visible

REASON_LENGTH = 180
"""In characters: with the longest details it fits into the column of the audit log."""

_PREFIX = "reason: "
_SEPARATOR = f"; {_PREFIX}"


def parse_reason(text: str) -> str:
    """Return a reason in NFC, without surrounding space.

    :raises InvalidInput: the text is empty, longer than 180 characters or has hidden characters.
    """
    if len(text) > REASON_LENGTH:
        raise InvalidInput(_TOO_LONG)
    reason = unicodedata.normalize("NFC", text.strip())
    if not is_visible(reason):
        raise InvalidInput(Problem("reason", "must not be empty"))
    if len(reason) > REASON_LENGTH:  # NFC can lengthen a text
        raise InvalidInput(_TOO_LONG)
    if not is_clean(text):
        raise InvalidInput(Problem("reason", "must not contain control characters"))
    return reason


_TOO_LONG = Problem("reason", f"must be at most {REASON_LENGTH} characters long")


def with_reason(detail: str, reason: str | None) -> str:
    """Return the recorded text of details and a reason."""
    if reason is None:
        return detail
    return f"{detail}{_SEPARATOR}{reason}" if detail else f"{_PREFIX}{reason}"


def split_reason(text: str) -> tuple[str, str | None]:
    """Return the text of the details and the reason that were recorded."""
    if text.startswith(_PREFIX):
        return "", text.removeprefix(_PREFIX)
    detail, separator, reason = text.partition(_SEPARATOR)
    return (detail, reason) if separator else (text, None)
