"""The access log: the logged requests and their fields."""

import logging
import sys
from typing import Any

import pytest

from infrastructure.config.settings import Settings
from infrastructure.telemetry.access_log import AccessLog


def access_log(value: str) -> AccessLog:
    made = AccessLog.of(Settings.read({"ACCESS_LOG": value}).logs)
    assert made is not None
    return made


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.msg for record in caplog.records if isinstance(record.msg, dict)]


@pytest.fixture(autouse=True)
def capture(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "doorward.access")


def test_a_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    access_log("on")("GET", "/api/users/me", 200, 0.0123, None)

    [line] = lines(caplog)
    assert {name: line[name] for name in ("event", "method", "path", "status", "ms")} == {
        "event": "request",
        "method": "GET",
        "path": "/api/users/me",
        "status": 200,
        "ms": 12.3,
    }


@pytest.mark.parametrize(
    ("status", "refused_origin", "is_logged"),
    [(200, None, False), (204, "https://evil.example", True), (404, None, True), (0, None, False)],
)
def test_errors_are_failures_and_refused_preflights(
    caplog: pytest.LogCaptureFixture, status: int, refused_origin: str | None, is_logged: bool
) -> None:
    access_log("errors")("OPTIONS", "/api/users/me", status, 0.001, refused_origin)

    assert len(lines(caplog)) == is_logged
    assert all(line["refused_origin"] == refused_origin for line in lines(caplog) if status == 204)


def test_a_long_path_and_a_long_origin_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    access_log("on")("OPTIONS", "/" + "x" * 5000, 204, 0.001, "https://" + "x" * 5000)

    [line] = lines(caplog)
    assert (len(line["path"]), len(line["refused_origin"])) == (200, 200)


@pytest.mark.parametrize("environment", [{"ACCESS_LOG": "off"}, {}])
def test_it_can_be_off_and_is_unless_on_a_terminal(environment: dict[str, str]) -> None:
    assert AccessLog.of(Settings.read(environment).logs) is None


def test_failed_requests_are_logged_on_a_terminal(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    log = AccessLog.of(Settings.read({}).logs)

    assert log is not None
    for status in (200, 404):
        log("GET", "/api/users/me", status, 0.001, None)
    assert [line["status"] for line in lines(caplog)] == [404]
