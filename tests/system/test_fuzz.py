"""The API answers generated requests as its OpenAPI document says, and never with a 5xx."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.client import Client
from tests.http.routes import documented_routes
from tests.support.processes import Service, a_service
from tests.support.waiting import PATIENCE
from tests.system.test_workers import make_administrator

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "15")
"""Requests a route; `make fuzz` sends many more."""

LIMITS = ("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "REGISTER_LIMIT_ADDRESS", "LOGIN_LIMIT")

EMAIL = "ada@example.org"
PASSWORD = "a password that no example has"
CONFIGURATION = """
hooks = "stepped_up.py"

[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_schema_conformance.enabled = true
unsupported_method.enabled = true

[warnings]
display = ["missing_auth"]

[[operations]]
include-path = "/api/auth/verify"
checks.unsupported_method.enabled = false  # gateways pass on the method of another request
"""
"""Warn of operations that never let the user in."""

BEHIND_A_LOGIN = ("GET /api/users/me", "GET /api/sessions", "GET /api/users", "GET /api/audit")
"""Operations of a user and of an administrator. Some others ask for more than a login."""
HOOKS = f"""
import requests
import schemathesis


def needs_step_up(case, context):
    # Or the account would be deleted, also as one of all users after another one was made an
    # administrator; or it would get another password.
    kept = ("/api/users/me", "/api/users/me/password", "/api/users/{{user_id}}")
    return case.operation.path not in kept


@schemathesis.auth(cache_by_key=lambda *each: str(needs_step_up(*each)))
class SteppedUp:
    def get(self, case, context):
        api = context.operation.base_url + "/api/auth"
        login = dict(email="{EMAIL}", password="{PASSWORD}", transport="bearer")
        answer = requests.post(api + "/login", json=login)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        if not needs_step_up(case, context):
            return token
        headers, proof = dict(Authorization="Bearer " + token), dict(password="{PASSWORD}")
        return requests.post(api + "/step-up", json=proof, headers=headers).json()["access_token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = "Bearer " + data
"""
"""Log in and step up, and again after each 401, since some requests end their own session."""


@pytest.fixture
def service(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Service]:
    """Start the service on real stores, with mail, and without rate limits, which would refuse
    most requests.
    """
    settings = dict.fromkeys(LIMITS, "off") | {"MAIL_URL": "memory:"}
    with a_service(tmp_path, DATABASE_URL=postgres_url, REDIS_URL=redis_url, **settings) as it:
        yield it


def test_every_response_to_a_generated_request_is_documented(service: Service) -> None:
    (service.folder / "schemathesis.toml").write_text(CONFIGURATION)
    (service.folder / "stepped_up.py").write_text(HOOKS)
    asyncio.run(register_administrator(service))
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("st"),
            "run",
            f"{service.url}/openapi.json",
            f"--max-examples={EXAMPLES}",
            "--phases=examples,coverage,fuzzing",
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=service.folder,
        env={"PATH": os.environ["PATH"]},  # each request would look for proxies in all variables
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"Tested: {len(documented_routes())}\n" in ran.stdout, ran.stdout
    refused = [each for each in BEHIND_A_LOGIN if f"- {each}\n" in ran.stdout]
    assert refused == [], ran.stdout


async def register_administrator(service: Service) -> None:
    async with Client(base_url=service.url, timeout=PATIENCE) as client:
        answer = await client.register(EMAIL, password=PASSWORD)
        assert answer.status_code == 200
    await make_administrator(service.environment["DATABASE_URL"], EMAIL)
