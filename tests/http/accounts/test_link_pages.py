"""The pages that links in mails lead to."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.http.client import Client
from tests.http.documentation.test_api_docs import Links
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
VERIFY = "/auth/api/auth/email/verify"
BODY = {"token": "t"}

Answer = tuple[int, dict[str, Any]]


def verified(*, needs_password: bool) -> Answer:
    return 200, {"status": "success", "data": {"new_password_needed": needs_password}}


def open_link(
    link: str,
    answers: dict[str, Answer],
    language: str = "en-GB",
    password: str = PASSWORD,
) -> dict[str, Any]:
    """Open a link, and submit the form with this password if there is a form."""
    scene = {
        "script": f"{SITE}/reset/links.js",
        "link": f"{SITE}{link}",
        "language": language,
        "password": password,
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


def test_the_undo_page_uses_the_token_only_after_a_click() -> None:
    path = "/auth/api/auth/email/undo"

    seen = open_link("/undo/#token=t", {path: OK}, password="")

    assert seen["requests"] == [["https://example.org" + path, BODY, "omit"]]
    assert [shown["form"] for shown in seen["shown"]] == [True, False]
    assert not seen["shown"][0]["password"]


@pytest.mark.parametrize(
    ("password", "body"), [("", BODY), (PASSWORD, BODY | {"password": PASSWORD})]
)
def test_the_verify_page_sends_the_cookies_and_the_password_if_there_is_one(
    password: str, body: dict[str, str]
) -> None:
    seen = open_link(
        "/verify#token=t", {VERIFY: verified(needs_password=False)}, password=password
    )

    assert seen["requests"] == [["https://example.org" + VERIFY, body, "same-origin"]]
    assert [shown["form"] for shown in seen["shown"]] == [True, False]
    assert seen["shown"][0]["password"]
    assert seen["shown"][1]["message"] == "Thank you. The address is confirmed."


def test_the_verify_page_announces_the_mail_for_a_new_password() -> None:
    seen = open_link("/verify#token=t", {VERIFY: verified(needs_password=True)}, password="")

    assert "link to set a new password" in seen["shown"][1]["message"]


def test_the_verify_page_asks_again_after_a_wrong_password() -> None:
    seen = open_link("/verify#token=t", {VERIFY: (400, {"code": "wrong_password"})})

    assert seen["shown"][1]["message"] == "This password is wrong."
    assert seen["shown"][1]["form"]
    assert seen["focus"] == "password"


def test_a_page_without_a_token_asks_to_open_the_link_again() -> None:
    seen = open_link("/reset", {})

    assert seen["shown"][0]["message"] == "Please open the link in the mail again."
    assert seen["requests"] == []


def test_a_page_is_in_the_language_of_the_browser() -> None:
    seen = open_link("/verify#token=t", {VERIFY: INVALID}, "de-AT")

    assert seen["title"] == "E-Mail-Adresse bestätigen"
    assert seen["shown"][1]["message"].startswith("Dieser Link ist nicht")
