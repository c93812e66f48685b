"""Structured logs: one JSON object a line, so that no value can pretend to be one."""

import logging
from typing import Any

import structlog

from domain.audit_event import Event

# Tracebacks are plain text: a structured one would show local variables, passwords among them.
_SHARED: list[Any] = [
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
"""For :func:`logging.config.dictConfig`: libraries' logs take the same form."""


def json_formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


class LoggedEvents:
    """Announces security events as lines of the log, under the name ``doorward.audit``."""

    def __init__(self) -> None:
        self._log = structlog.wrap_logger(
            logging.getLogger("doorward.audit"),
            processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            wrapper_class=structlog.stdlib.BoundLogger,
        )

    def __call__(self, event: Event) -> None:
        self._log.info(
            event.what,
            outcome=event.outcome,
            at=event.at.isoformat(),
            user_id=str(event.user_id) if event.user_id else None,
            session_id=event.session_id,
            actor_id=str(event.actor_id) if event.actor_id else None,
            detail=event.detail,
            address=event.caller.address,
            request_id=event.caller.request_id,
        )
