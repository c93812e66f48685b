"""The fields of a request in the access log."""

from dataclasses import replace

import pytest

from infrastructure.config.logging import LogSettings
from infrastructure.config.settings import Settings
from infrastructure.telemetry.logging import json_formatter
from tests.http.client import CLIENT_ORIGIN, LOGIN, ME, SESSIONS, Client
from tests.support.log_lines import Lines, lines_of
from tests.support.secret_watch import secrets_in


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, logs=LogSettings(access="on"))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return lines_of("doorward.access", caplog)


@pytest.mark.parametrize("path", ["/health/live", ME, "/nothing/here", "/docs"])
async def test_a_response_has_the_request_id_of_its_line(
    client: Client, lines: Lines, path: str
) -> None:
    answer = await client.get(path)

    [line] = lines()
    assert [line["request_id"]] == answer.headers.get_list("x-request-id")
    assert (line["method"], line["path"], line["status"]) == ("GET", path, answer.status_code)


async def test_a_line_has_the_route_in_place_of_ids_and_no_query(
    client: Client, lines: Lines
) -> None:
    await client.delete(f"{SESSIONS}/0123456789abcdef", params={"token": "s3cret"})

    [line] = lines()
    assert line["path"] == SESSIONS + "/{session_id}"
    assert "s3cret" not in str(line)


async def test_a_path_forges_no_line(
    client: Client, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    await client.get("/x%0a%1b[31m%e2%80%ae")

    assert lines()[0]["path"] == "/x\n\x1b[31m\u202e"
    assert json_formatter().format(caplog.records[-1]).isprintable()


@pytest.mark.parametrize(
    ("origin", "refused"),
    [("https://evil.example", "https://evil.example"), (CLIENT_ORIGIN, None)],
)
async def test_a_refused_preflight_is_logged_with_its_origin(
    client: Client, lines: Lines, origin: str, refused: str | None
) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    await client.request("OPTIONS", LOGIN, headers=headers)

    assert [line.get("refused_origin") for line in lines()] == [refused]


async def test_no_token_and_no_password_is_in_the_access_log(client: Client, lines: Lines) -> None:
    await client.obtain_tokens()

    assert [line["path"] for line in lines()][-1] == LOGIN
    assert not secrets_in(str(lines()))
