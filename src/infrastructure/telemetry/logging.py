"""Structured logging: one JSON object a line, so that no value can forge a second line.

A module logs a stable event name in snake_case, and everything else as fields::

    log = structlog.stdlib.get_logger("doorward")
    log.warning("invalidation_feed_disconnected", store="redis", error="TimeoutError")

Records pass through the standard library's logging, as those of libraries do.
"""

import logging
from typing import Any

import structlog

from domain.audit_event import Event

# Tracebacks are plain text: a structured one would show local variables, passwords among them.
_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "infrastructure.telemetry.logging.json_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
}
"""The server's logging, for :func:`logging.config.dictConfig`."""


def configure_logging() -> None:
    """Send what structlog's loggers log to the standard library's logging.

    Each entry point calls this once in its process, before anything logs.
    """
    structlog.configure(
        processors=[*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def json_formatter() -> logging.Formatter:
    """Make the formatter that writes a record, ours or a library's, as one JSON object."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_PROCESSORS,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


class LoggedEvents:
    """Logs security events under the name ``doorward.audit``."""

    def __init__(self) -> None:
        self._log = structlog.stdlib.get_logger("doorward.audit")

    def __call__(self, event: Event) -> None:
        self._log.info(
            event.type.value,
            outcome=event.outcome.value,
            at=event.at.isoformat(),
            user_id=str(event.user_id) if event.user_id else None,
            session_id=event.session_id,
            actor_id=str(event.actor_id) if event.actor_id else None,
            detail=event.detail,
            address=event.caller.address,
            request_id=event.request_id,
        )
