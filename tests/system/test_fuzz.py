"""The API answers generated requests as its OpenAPI document says, and never with a 5xx."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.http.routes import documented_routes
from tests.support.processes import Service, a_service

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "15")
"""Requests a route; `make fuzz` sends many more."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
LIMITS = ("LOGIN_LIMIT_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "REGISTER_LIMIT_ADDRESS", "LOGIN_LIMIT")


@pytest.fixture
def service(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Service]:
    """Start the service on real stores, with mail, and without rate limits, which would refuse
    most requests.
    """
    settings = dict.fromkeys(LIMITS, "off") | {"MAIL_URL": "memory:"}
    with a_service(tmp_path, DATABASE_URL=postgres_url, REDIS_URL=redis_url, **settings) as it:
        yield it


def test_every_response_to_a_generated_request_is_documented(service: Service) -> None:
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("st"),
            "run",
            f"{service.url}/openapi.json",
            f"--checks={','.join(CHECKS)}",
            f"--header=Authorization: Bearer {access_token(service)}",
            f"--max-examples={EXAMPLES}",
            "--phases=examples,coverage,fuzzing",
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=service.folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"Tested: {len(documented_routes())}\n" in ran.stdout, ran.stdout


def access_token(service: Service) -> str:
    # Not the password in the examples: with it a request could delete the account.
    ada = {"email": "ada@example.org", "password": "a password that no example has"}
    httpx.post(f"{service.url}/api/auth/register", json=ada | {"name": "Ada"}).raise_for_status()
    answer = httpx.post(f"{service.url}/api/auth/login", json=ada).raise_for_status()
    return str(answer.json()["access_token"])
