"""The pages that links in mails lead to."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.http.client import Client
from tests.http.test_api_docs import Links
from tests.support.npm import NODE

SCRIPT = Path("src/api/static/links/links.js")
SCRIPT_TEXT = SCRIPT.read_text()
BROWSER = Path("tests/support/browser.mjs")
SITE = "https://example.org/auth"
PASSWORD = "a better one than before"
INVALID = (400, {"code": "one_time_token_invalid"})
REFUSED = (400, {"code": "invalid_input"})
OK = (200, {"status": "success"})

CHECK, RESET = "/auth/api/auth/password/reset/check", "/auth/api/auth/password/reset"
BODY = {"token": "t"}


def open_link(
    link: str, answers: dict[str, tuple[int, dict[str, str]]], language: str = "en-GB"
) -> dict[str, Any]:
    """Open a link, and submit the form if there is one."""
    scene = {
        "script": f"{SITE}/reset/links.js",
        "link": f"{SITE}{link}",
        "language": language,
        "password": PASSWORD,
        "answers": answers,
    }
    ran = subprocess.run(
        [NODE, BROWSER, SCRIPT, json.dumps(scene)], check=True, capture_output=True, text=True
    )
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen


@pytest.mark.parametrize("path", ["/reset", "/verify", "/undo"])
async def test_a_page_runs_only_its_own_script_and_is_kept_nowhere(
    client: Client, path: str
) -> None:
    answer = await client.get(path)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex"
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "form-action 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]
    links = Links(answer.text)
    assert (links.targets, links.inline) == (["/reset/links.js"], [])
    script = await client.get("/reset/links.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.text == SCRIPT_TEXT


def test_the_reset_page_checks_the_token_then_sets_the_password() -> None:
    seen = open_link("/reset#token=t", {CHECK: OK, RESET: OK})

    assert seen["address"] == "/auth/reset"  # without the token
    assert seen["requests"] == [
        ["https://example.org" + CHECK, BODY, "omit"],
        ["https://example.org" + RESET, BODY | {"password": PASSWORD}, "omit"],
    ]
    assert seen["shown"][0] == {
        "message": "All devices are logged out then.",
        "form": True,
        "password": True,
    }
    assert seen["shown"][1] == {
        "message": "The new password is set. You can log in with it now.",
        "form": False,
        "password": True,
    }


def test_the_reset_page_asks_nothing_of_an_invalid_link() -> None:
    seen = open_link("/reset#token=t", {CHECK: INVALID})

    [shown] = seen["shown"]
    assert shown["message"].startswith("This link is not valid")
    assert not shown["form"]


def test_the_reset_page_asks_for_another_password() -> None:
    seen = open_link("/reset#token=t", {CHECK: OK, RESET: REFUSED})

    assert seen["shown"][1]["message"].startswith("Please choose another password")
    assert seen["shown"][1]["form"]
    assert seen["focus"] == "password"


@pytest.mark.parametrize("page", ["verify", "undo"])
def test_the_other_pages_use_the_token_only_after_a_click(page: str) -> None:
    path = f"/auth/api/auth/email/{page}"

    seen = open_link(f"/{page}/#token=t", {path: OK})

    assert seen["requests"] == [["https://example.org" + path, BODY, "omit"]]
    assert [shown["form"] for shown in seen["shown"]] == [True, False]
    assert not seen["shown"][0]["password"]


def test_a_page_without_a_token_asks_to_open_the_link_again() -> None:
    seen = open_link("/reset", {})

    assert seen["shown"][0]["message"] == "Please open the link in the mail again."
    assert seen["requests"] == []


def test_a_page_is_in_the_language_of_the_browser() -> None:
    seen = open_link("/verify#token=t", {"/auth/api/auth/email/verify": INVALID}, "de-AT")

    assert seen["title"] == "E-Mail-Adresse bestätigen"
    assert seen["shown"][1]["message"].startswith("Dieser Link ist nicht")
