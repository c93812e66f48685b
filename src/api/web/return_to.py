"""Where a browser goes after a login: never to a page of strangers."""

import re
from collections.abc import Collection
from dataclasses import dataclass

_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
"""A path of this host (RFC 3986), with its query: browsers read ``//`` and ``/\\`` as a host."""
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class ReturnTargets:
    """
    :ivar listed: addresses of other origins that are accepted if they are exactly the same.
    """

    listed: Collection[str] = frozenset()

    def choose(self, wanted: str | None, default: str) -> str:
        """Return where to go: the wanted target if it is accepted, else the default."""
        if wanted is None or len(wanted) > _LONGEST:
            return default
        is_path = _PATH.fullmatch(wanted) is not None
        return wanted if is_path or wanted in self.listed else default
