"""Where a browser goes after a login: never to a page of strangers."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from domain.errors import InvalidInput, Problem

_PATH = re.compile(
    r"(?![^?]*/(?:\.|%2e){1,2}(?:[/?]|$))/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*", re.IGNORECASE
)
"""A path of this service (RFC 3986), with its query. Browsers read ``//`` and ``/\\`` as a host,
and dot segments would lead out of the path prefix.
"""
_OWN_FORM = re.compile(r"/(?:account|admin)(?=[/?]|$)(?!/step-up(?:[/?]|$))")
"""All routes below these two paths are pages, and a step-up does not lead to itself."""
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class ReturnTargets:
    """
    :ivar listed: addresses of other origins that are accepted if they are exactly the same.
    """

    listed: Collection[str] = frozenset()

    def choose(self, wanted: str | None, default: str) -> str:
        """Return where to go: the wanted target if it is accepted, else the default."""
        return wanted if wanted is not None and self._accepts(wanted) else default

    def require(self, wanted: str | None) -> str:
        """Return where to go.

        :raises InvalidInput: that is neither a path of this service nor listed.
        """
        if wanted is None or not self._accepts(wanted):
            message = "must be a path of this service, or one of the addresses that are configured"
            raise InvalidInput(Problem("return_to", message))
        return wanted

    def own_form(self, wanted: str) -> str:
        """Return the path of a form of users or administrators, if the wanted one is such a path,
        else an empty string: the form is sent there again.
        """
        if len(wanted) > _LONGEST or not _is_path(wanted):
            return ""
        return wanted if _OWN_FORM.match(wanted) else ""

    def _accepts(self, wanted: str) -> bool:
        return len(wanted) <= _LONGEST and (_is_path(wanted) or wanted in self.listed)


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None
