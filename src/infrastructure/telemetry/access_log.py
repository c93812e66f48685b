"""The access log: one line a request, without query, body or credentials."""

from http import HTTPStatus

import structlog

from infrastructure.config.logging import LogSettings
from infrastructure.telemetry.logging import is_on_terminal

_LONGEST_TEXT = 200
"""Characters of a path or an origin. A client may send 64 KiB."""


class AccessLog:
    """
    :param only_errors: log only requests that fail, and refused preflights.
    """

    def __init__(self, *, only_errors: bool) -> None:
        self._only_errors = only_errors
        self._log = structlog.stdlib.get_logger("doorward.access")

    @classmethod
    def of(cls, settings: LogSettings) -> "AccessLog | None":
        """Return the access log as configured; ``None`` if it is off."""
        wanted = settings.access or ("errors" if is_on_terminal() else "off")
        return None if wanted == "off" else cls(only_errors=wanted == "errors")

    def __call__(
        self, method: str, path: str, status: int, seconds: float, refused_origin: str | None
    ) -> None:
        """Log a request that has ended.

        :param status: 0 if the client disconnected before the response.
        :param refused_origin: the origin of a preflight that was refused.
        """
        has_failed = status >= HTTPStatus.BAD_REQUEST or refused_origin is not None
        if self._only_errors and not has_failed:
            return
        fields = {} if refused_origin is None else {"refused_origin": _cut(refused_origin)}
        self._log.info(
            "request",
            method=method,
            path=_cut(path),
            status=status,
            ms=round(seconds * 1000, 1),
            **fields,
        )


def _cut(text: str) -> str:
    return text[:_LONGEST_TEXT]
