"""Logs: one JSON object a line, for all values."""

import json
import logging
import re
import sys
from datetime import timedelta
from uuid import UUID

import pytest
import structlog

from domain.audit.details import OtherDetails
from domain.audit.event import Event, EventType
from domain.outcome import Outcome
from domain.request_context import RequestContext
from domain.session import SessionId
from domain.user import UserId
from infrastructure.config.logging import LogSettings
from infrastructure.telemetry.logging import (
    LoggedEvents,
    console_formatter,
    json_formatter,
    logs,
    set_log_format,
)
from tests.support.builders import NOW, new_id

USER_ID = UserId(UUID("0b8f2c1e-5a4d-4c3b-9f2e-1d0c9b8a7f6e"))
EVENT_ID = "fedcba9876543210" * 2
SESSION_ID = SessionId("0123456789abcdef" * 2)
CALLER = RequestContext("192.0.2.1", "request-7", "a device token")

LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029", '"}\n{"']


async def line_of(event: Event, caplog: pytest.LogCaptureFixture) -> str:
    """Return the log line of the event."""
    caplog.set_level(logging.INFO, "doorward.audit")
    LoggedEvents()(event)
    return json_formatter().format(caplog.records[-1])


async def test_the_reason_of_an_administrator_is_not_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    event = Event(
        EVENT_ID, EventType.DELETE_USER, Outcome.SUCCESS, NOW, CALLER, reason="asked by Ada"
    )

    assert "Ada" not in await line_of(event, caplog)


async def test_an_audit_event_is_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    line = await line_of(
        Event(EVENT_ID, EventType.LOGIN, Outcome.SUCCESS, NOW, CALLER, USER_ID, SESSION_ID), caplog
    )

    assert len(line.splitlines()) == 1
    members = json.loads(line)
    assert members.pop("timestamp").endswith("Z")
    assert members == {
        "event": "login",
        "outcome": "success",
        "at": NOW.isoformat(),
        "user_id": "0b8f2c1e-5a4d-4c3b-9f2e-1d0c9b8a7f6e",
        "session_id": SESSION_ID,
        "actor_id": None,
        "detail": "",
        "address": "192.0.2.1",
        "request_id": "request-7",
        "level": "info",
        "logger": "doorward.audit",
    }
    assert NOW.utcoffset() == timedelta()


async def test_unknown_values_are_null(caplog: pytest.LogCaptureFixture) -> None:
    members = json.loads(
        await line_of(
            Event(EVENT_ID, EventType.AUTHENTICATE, Outcome.INVALID_TOKEN, NOW, RequestContext()),
            caplog,
        )
    )

    assert members["user_id"] is None
    assert members["session_id"] is None
    assert members["address"] == members["request_id"] == ""


async def test_the_device_token_of_an_audit_event_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert "device" not in await line_of(
        Event(EVENT_ID, EventType.LOGIN, Outcome.SUCCESS, NOW, CALLER), caplog
    )


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
async def test_no_value_of_an_audit_event_can_forge_a_line(
    caplog: pytest.LogCaptureFixture, end: str
) -> None:
    forged = f"x{end}2026-01-01 INFO all is well"
    event = Event(
        EVENT_ID,
        EventType.LOGIN,
        Outcome.SUCCESS,
        NOW,
        RequestContext(forged, forged),
        USER_ID,
        SessionId(forged),
        details=OtherDetails(forged),
    )

    line = await line_of(event, caplog)

    assert len(line.splitlines()) == 1
    assert line.isprintable()
    members = json.loads(line)
    for name in ("detail", "address", "request_id", "session_id"):
        assert members[name] == forged


def test_a_log_call_is_an_event_name_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    log = structlog.stdlib.get_logger("doorward")

    log.warning("invalidation_feed_disconnected", store="redis", error="TimeoutError")

    members = json.loads(json_formatter().format(caplog.records[-1]))
    assert members.pop("timestamp").endswith("Z")
    assert members == {
        "event": "invalidation_feed_disconnected",
        "store": "redis",
        "error": "TimeoutError",
        "level": "warning",
        "logger": "doorward",
    }


@pytest.mark.parametrize("reserved", ["name", "args", "module", "message", "process", "level"])
def test_a_log_field_may_have_any_name(caplog: pytest.LogCaptureFixture, reserved: str) -> None:
    structlog.stdlib.get_logger("doorward").error("something_failed", **{reserved: "a value"})

    assert json.loads(json_formatter().format(caplog.records[-1]))["event"] == "something_failed"


def of_a_library(message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, values, None)


def test_a_library_logs_in_the_same_format() -> None:
    with structlog.contextvars.bound_contextvars(request_id="request-7"):
        members = json.loads(json_formatter().format(of_a_library("%s is %d", "it", 5)))

    assert members.pop("timestamp").endswith("Z")
    assert members == {
        "event": "it is 5",
        "level": "warning",
        "logger": "uvicorn.error",
        "request_id": "request-7",
    }


def test_a_message_of_a_library_may_be_a_dictionary() -> None:
    record = logging.makeLogRecord({"name": "library", "msg": {"no": "event"}})

    assert json.loads(json_formatter().format(record))["event"] == "{'no': 'event'}"


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_no_value_in_the_log_of_a_library_can_forge_a_line(end: str) -> None:
    line = json_formatter().format(of_a_library("%s", f"x{end}y"))

    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert json.loads(line)["event"] == f"x{end}y"


def test_a_traceback_is_one_field_without_local_variables() -> None:
    secret = new_id()

    def fail(password: str) -> None:
        local = password + password
        raise ValueError(len(local))

    with pytest.raises(ValueError, match="64") as raised:
        fail(secret)
    cause = (raised.type, raised.value, raised.tb)
    record = logging.LogRecord("doorward", logging.ERROR, "", 0, "x", (), cause)

    line = json_formatter().format(record)

    assert len(line.splitlines()) == 1
    assert "raise ValueError(len(local))" in json.loads(line)["exception"]
    assert "ValueError: 64" in json.loads(line)["exception"]
    assert secret not in line


def test_the_name_of_the_event_comes_first(caplog: pytest.LogCaptureFixture) -> None:
    structlog.stdlib.get_logger("doorward").warning("something_failed", store="redis")

    line = json_formatter().format(caplog.records[-1])

    assert line.startswith('{"event": "something_failed", ')


def on_the_console(record: logging.LogRecord) -> str:
    """Return the line without its colours."""
    return re.sub("\x1b\\[[0-9]+m", "", console_formatter().format(record))


def test_on_the_console_a_security_event_shows_its_time_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    LoggedEvents()(Event(EVENT_ID, EventType.LOGIN, Outcome.SUCCESS, NOW, CALLER))

    record = caplog.records[-1]
    assert json.loads(json_formatter().format(record))["at"] == NOW.isoformat()
    assert " at=" not in on_the_console(record)


@pytest.mark.parametrize(("is_terminal", "begins"), [(True, "\x1b["), (False, "{")])
def test_a_log_is_coloured_on_a_terminal_and_json_elsewhere(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_terminal: bool,
    begins: str,
) -> None:
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging, "lastResort", handler)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)

    set_log_format(LogSettings())

    structlog.stdlib.get_logger("doorward").warning("feed_disconnected")
    assert handler.format(caplog.records[-1]).startswith(begins)


def test_on_the_console_a_line_has_time_level_event_and_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = structlog.stdlib.get_logger("doorward")

    log.warning("feed_disconnected", store="redis", detail="", user_id=None)

    line = on_the_console(caplog.records[-1])
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d \[warning \] feed_disconnected store=redis logger=doorward", line
    )


@pytest.mark.parametrize("end", LINE_ENDS[:-1], ids=ascii)
def test_no_value_can_forge_a_line_of_the_console(
    caplog: pytest.LogCaptureFixture, end: str
) -> None:
    structlog.stdlib.get_logger("doorward").warning(f"x{end}y", name=f"x{end}y")

    line = on_the_console(caplog.records[-1])

    assert line.isprintable()
    assert on_the_console(of_a_library("%s", f"x{end}y")).isprintable()


def test_on_the_console_a_traceback_follows_the_line() -> None:
    with pytest.raises(ValueError, match="gone") as raised:
        int("\x1b[2Kgone")
    error = ValueError("\x1b[2Kgone")
    cause = (ValueError, error, raised.tb)
    record = logging.LogRecord("doorward", logging.ERROR, "", 0, "x_failed", (), cause)

    first, *traceback = on_the_console(record).splitlines()

    assert "x_failed" in first
    assert traceback[0].startswith("Traceback")
    assert "\x1b" not in traceback[-1]


@pytest.mark.parametrize("name", ["httpx", "httpcore"])
def test_requests_to_providers_are_not_logged_with_their_headers(name: str) -> None:
    for level in ("debug", "info"):
        assert logs(LogSettings(level=level))["loggers"][name] == {"level": "WARNING"}
