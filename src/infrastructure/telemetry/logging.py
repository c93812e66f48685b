"""Structured logging: one line an event, and no value can forge a second line.

A module logs a stable event name in snake_case, and everything else as fields::

    log = structlog.stdlib.get_logger("doorward")
    log.warning("invalidation_feed_disconnected", store="redis", error="TimeoutError")

Records pass through the standard library's logging, as those of libraries do.
"""

import json
import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.dev import (
    Column,
    ConsoleRenderer,
    KeyValueColumnFormatter,
    LogLevelColumnFormatter,
)
from structlog.typing import EventDict, ExcInfo
from typing_extensions import override

from domain.audit.event import Event
from infrastructure.config.logging import LogSettings

# Tracebacks are plain text: a structured one would show local variables, passwords among them.
_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def is_on_terminal() -> bool:
    """Return whether a person reads the log as it is written."""
    return sys.stderr.isatty()


def logs(settings: LogSettings) -> dict[str, Any]:
    """Return the server's logging, for :func:`logging.config.dictConfig`."""
    wanted = _format_of(settings)
    formatter = {"()": f"infrastructure.telemetry.logging.{wanted}_formatter"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"level": settings.level.upper(), "handlers": ["stderr"]},
        # They log each request to a provider of identities, with headers at the level debug.
        "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpcore")},
    }


def configure_logging() -> None:
    """Send what structlog's loggers log to the standard library's logging.

    Each entry point calls this once in its process, before anything logs. A process that serves
    configures more, with :func:`logs`; in others, warnings go to standard error.
    """
    set_log_format(LogSettings())
    # No line names a place in the code: logging need not look for it (Python's Logging HOWTO).
    logging._srcfile = None  # noqa: SLF001 - the HOWTO says to
    structlog.configure(
        processors=[*_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def set_log_format(settings: LogSettings) -> None:
    """Write the warnings of a process that does not serve, or not yet, in the configured form."""
    if logging.lastResort:
        is_console = _format_of(settings) == "console"
        logging.lastResort.setFormatter(console_formatter() if is_console else json_formatter())


def _format_of(settings: LogSettings) -> str:
    auto = "console" if is_on_terminal() else "json"
    return auto if settings.format == "auto" else settings.format


def json_formatter() -> logging.Formatter:
    """Make the formatter that writes a record, ours or a library's, as one JSON object."""
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return _JsonFormatter(foreign_pre_chain=_PROCESSORS, processors=[without_meta, _as_json])


def console_formatter() -> logging.Formatter:
    """Make the formatter for a person at a terminal: time, level, event and fields.

    No value can forge a line or an escape sequence: unprintable characters are escaped.
    """
    dim, bold, reset = "\x1b[2m", "\x1b[1m", "\x1b[0m"
    columns = [
        Column("timestamp", KeyValueColumnFormatter(None, dim, reset, _time_of_day)),
        Column("level", LogLevelColumnFormatter(_LEVELS, reset)),
        Column("event", KeyValueColumnFormatter(None, bold, reset, _printable)),
        Column("", KeyValueColumnFormatter(dim, "", reset, _printable)),
    ]
    renderer = ConsoleRenderer(columns=columns, sort_keys=False, exception_formatter=_unused)
    return _formatter(_for_a_person, renderer)


_LEVELS = {
    "debug": "\x1b[2m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[31m",
}


def _formatter(*processors: Any) -> logging.Formatter:
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_PROCESSORS, processors=[without_meta, *processors]
    )


class _JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes at once what structlog's loggers have prepared: each refresh is a line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, dict) and hasattr(record, "_name"):  # not of a library
            return _as_json(None, "", record.msg)
        return super().format(record)


_JSON = json.JSONEncoder(default=repr)


def _as_json(_logger: Any, _method: str, fields: EventDict) -> str:
    """Write the event first: it is the most interesting to a person."""
    return _JSON.encode({"event": fields["event"], **fields})


def _for_a_person(_logger: Any, _method: str, fields: EventDict) -> EventDict:
    if "exception" in fields:
        fields["exception"] = "\n".join(map(_printable, fields["exception"].split("\n")))
    fields.pop("at", None)  # of a security event: the line begins with its time
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _time_of_day(timestamp: object) -> str:
    return str(timestamp)[11:19]


def _printable(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else json.dumps(text)


def _unused(_stream: TextIO, _exception: ExcInfo) -> None:
    """Tracebacks are text already: see ``_PROCESSORS``."""


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
