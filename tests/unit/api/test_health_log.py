"""Readiness probes that fail fill no log."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from api.controllers.health import LOG_INTERVAL, HealthLog
from domain.errors import Unavailable


class Seconds:
    """A monotonic clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def health_log(seconds: Seconds) -> HealthLog:
    return HealthLog(seconds)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    """The logged lines, in order."""
    caplog.set_level(logging.INFO, "doorward")
    found: list[Any] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append((record.levelname, record.msg))  # type: ignore[method-assign]
    logging.getLogger("doorward").addHandler(handler)
    yield found
    logging.getLogger("doorward").removeHandler(handler)


def shortened(lines: list[Any]) -> list[tuple[str, str]]:
    return [(message["event"], message["check"]) for _, message in lines]


def down() -> Unavailable:
    error = Unavailable("health")
    error.__cause__ = ConnectionError("a long story")
    return error


def test_a_failing_check_is_logged_in_one_line_without_a_traceback(
    health_log: HealthLog, lines: list[Any]
) -> None:
    health_log.report({"users": None, "sessions": down()})

    [(level, message)] = lines
    assert level == "WARNING"
    assert message["check"] == "sessions"
    assert message["error"] == "health: no answer (ConnectionError)"
    assert "exc_info" not in message
    assert "exception" not in message


def test_an_unexpected_error_is_one_short_line_as_well(
    health_log: HealthLog, lines: list[Any]
) -> None:
    health_log.report({"users": ValueError(f"{'x' * 1000}\n[SQL: SELECT 1]")})

    [(level, message)] = lines
    assert level == "ERROR"
    assert message["error"] == f"ValueError: {'x' * 200}"


def test_probes_that_go_on_failing_are_logged_at_a_bounded_rate(
    health_log: HealthLog, seconds: Seconds, lines: list[Any]
) -> None:
    for _ in range(1000):
        health_log.report({"users": None, "sessions": down()})
    assert len(lines) == 1

    seconds.now += LOG_INTERVAL
    for _ in range(1000):
        health_log.report({"users": None, "sessions": down()})

    assert len(lines) == 2


def test_each_check_is_logged_by_itself(health_log: HealthLog, lines: list[Any]) -> None:
    health_log.report({"users": down(), "sessions": down()})

    assert {message["check"] for _, message in lines} == {"users", "sessions"}


def test_a_recovery_is_logged_once(health_log: HealthLog, lines: list[Any]) -> None:
    health_log.report({"users": None})
    health_log.report({"users": down()})
    for _ in range(5):
        health_log.report({"users": None})

    assert shortened(lines) == [
        ("health_check_failed", "users"),
        ("health_check_recovered", "users"),
    ]


def test_a_check_that_fails_every_other_time_is_logged_at_a_bounded_rate(
    health_log: HealthLog, lines: list[Any]
) -> None:
    for _ in range(100):
        health_log.report({"users": down()})
        health_log.report({"users": None})

    assert len(lines) == 2
