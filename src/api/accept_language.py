"""The language that a client prefers."""

import re

from litestar.types import Scope

from api.request_context import header_values
from domain.user import is_locale

_LONGEST = 500
"""Characters of a header that is read; browsers send fewer than a hundred."""

_RANGE = re.compile(
    r"(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


def preferred_locale(scope: Scope) -> str | None:
    """Return the language that ``Accept-Language`` prefers (RFC 9110, sections 12.4.2 and 12.5.4).

    Of several with one weight it is the first. A header that is malformed prefers none.
    """
    header = ",".join(header_values(scope, b"accept-language"))
    if len(header) > _LONGEST:
        return None
    weights: dict[str, float] = {}
    for part in header.split(","):
        text = part.strip(" \t")
        if not text:  # a list may have empty elements (RFC 9110, section 5.6.1)
            continue
        found = _RANGE.fullmatch(text)
        if found is None:
            return None
        if is_locale(found["tag"]):
            weights.setdefault(found["tag"], float(found["weight"] or 1))
    best = max(weights, key=lambda tag: weights[tag], default=None)
    return best if best is not None and weights[best] > 0 else None
