"""The deployment files, as far as they can be checked without a Docker engine."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from infrastructure.config.http import HttpSettings
from infrastructure.config.settings import Settings
from infrastructure.config.storage import StorageSettings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
EXAMPLE_TEXT = (ROOT / ".env.example").read_text()
EXAMPLE = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}

SETTINGS = {each.name for each in Settings.variables()}
SECRETS = {each.name for each in Settings.variables() if each.is_secret}
OF_OPENTELEMETRY = {
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_PROPAGATORS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
}
"""What the SDK of OpenTelemetry reads by itself."""

REFERENCE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
PASSWORDS = {
    "POSTGRES_PASSWORD",
    "POSTGRES_MIGRATIONS_PASSWORD",
    "POSTGRES_SERVICE_PASSWORD",
    "REDIS_PASSWORD",
    "PGADMIN_DEFAULT_PASSWORD",
}


def documented() -> set[str]:
    """The variables of .env.example, those behind a # included."""
    return set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE_TEXT, re.MULTILINE))


def resolved(service: str, environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a container when .env holds these variables."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1]) or (match[3] if match[2] == "-" else "")

    given = {
        name: environment.get(name, "") if text is None else REFERENCE.sub(value, str(text))
        for name, text in SERVICES[service]["environment"].items()
    }
    return {name: text for name, text in given.items() if text}


def instructions(keyword: str) -> list[str]:
    return re.findall(rf"^\s*{keyword} (.*)$", DOCKERFILE, re.MULTILINE)


def test_the_compose_file_follows_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    file = str(ROOT / "docker-compose.yml")
    answer = subprocess.run([*check, file], check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


class _Strict(yaml.SafeLoader):
    """Rejects a key that is there twice, as Compose does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        assert sorted(names) == sorted(set(names))
        return super().construct_mapping(node, deep)


def test_no_key_of_the_compose_file_is_there_twice() -> None:
    yaml.load(COMPOSE_TEXT, _Strict)  # noqa: S506 - a SafeLoader


def test_every_variable_of_the_compose_file_is_documented() -> None:
    passed_on = {name for name, text in SERVICES["api"]["environment"].items() if text is None}
    assert {match[1] for match in REFERENCE.finditer(COMPOSE_TEXT)} <= documented()
    assert re.search(r"(?<!\$)\$(?![${])", COMPOSE_TEXT) is None  # each reference is a ${...}
    assert passed_on <= SETTINGS | OF_OPENTELEMETRY


def test_every_documented_variable_is_read_by_something() -> None:
    assert documented() <= SETTINGS | {match[1] for match in REFERENCE.finditer(COMPOSE_TEXT)}


def test_every_setting_reaches_the_service_in_docker() -> None:
    decided = {"HOST", "DOORWARD_DATA", "EMBEDDED", "USERS_URL", "SESSIONS_URL", "DATABASE_URL"}
    passed_on = SERVICES["api"]["environment"].keys()
    assert passed_on == (SETTINGS - decided) | OF_OPENTELEMETRY


def test_no_secret_is_in_the_deployment_files() -> None:
    for text in (COMPOSE_TEXT, DOCKERFILE, EXAMPLE_TEXT):
        assert "-----BEGIN" not in text
        assert re.search(r"(?<!@sha256:)\b[A-Za-z0-9+/]{40}", text) is None
        assert re.search(r"://\w*:(?!\$\{|PASSWORD@)[^\s/@]*@", text) is None
    for service in SERVICES.values():
        for name, text in service["environment"].items():
            if name in SECRETS or re.search("PASSWORD$|AUTH$", name):
                assert text is None or {match[1] for match in REFERENCE.finditer(text)} & PASSWORDS
    assert {name for name in documented() & SECRETS | PASSWORDS if EXAMPLE.get(name)} == set()


def test_no_container_gets_more_of_the_env_file_than_it_needs() -> None:
    assert all("env_file" not in service for service in SERVICES.values())
    keys = {name for name in SETTINGS if name.endswith("_KEY")}
    assert [name for name, each in SERVICES.items() if keys & set(each["environment"])] == ["api"]


def test_the_env_example_leaves_serving_without_docker_as_it_is() -> None:
    settings = Settings.read(EXAMPLE)
    assert (
        settings.storage.users_at == settings.storage.sessions_at == StorageSettings().embedded_url
    )
    assert settings.http.origin == HttpSettings().origin


def test_nothing_starts_without_a_password() -> None:
    required = {match[1] for match in REFERENCE.finditer(COMPOSE_TEXT) if match[2] == "?"}
    optional = {match[1] for match in REFERENCE.finditer(COMPOSE_TEXT) if match[2] != "?"}
    assert required == PASSWORDS
    assert not optional & PASSWORDS


def test_the_service_in_docker_uses_the_servers_beside_it() -> None:
    of_the_host = {"POSTGRES_HOST": "127.0.0.1", "DATABASE_URL": "memory:", "POSTGRES_PORT": "1"}
    filled = EXAMPLE | of_the_host | dict.fromkeys(PASSWORDS, "s3cret")
    settings = Settings.read(resolved("api", filled))
    server = "s3cret@postgres:5432/doorward"
    assert settings.storage.users_at == f"postgresql://doorward_service:{server}"
    assert settings.storage.sessions_at == "redis://:s3cret@redis:6379/0"
    assert settings.http.client_origins == ("http://localhost:3000",)
    migrations = Settings.read(resolved("migrate", filled)).storage.users_at
    assert migrations == f"postgresql://doorward_migrations:{server}"


def test_the_superuser_of_postgresql_is_known_to_no_container_of_doorward() -> None:
    superuser = {"POSTGRES_PASSWORD", "POSTGRES_USER"}
    for name in ("api", "migrate"):
        texts = map(str, SERVICES[name]["environment"].values())
        assert not superuser & {match[1] for text in texts for match in REFERENCE.finditer(text)}
    assert SERVICES["migrate"]["depends_on"].keys() == {"roles"}
    assert SERVICES["roles"]["volumes"] == ["./deploy/postgres/roles.sql:/roles.sql:ro"]
    assert (ROOT / "deploy" / "postgres" / "roles.sql").exists()


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_a_service_starts_when_its_dependencies_answer() -> None:
    for name, service in SERVICES.items():
        assert "healthcheck" in service or name in {"migrate", "roles"}
        for other, how in service.get("depends_on", {}).items():
            awaited = "completed_successfully" if other in {"migrate", "roles"} else "healthy"
            assert how == {"condition": f"service_{awaited}"}
    assert SERVICES["api"]["depends_on"].keys() == {"migrate", "postgres", "redis"}
    assert all("/health/ready" in check for check in instructions("HEALTHCHECK"))


def test_the_image_copies_only_existing_files() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    copied = [line.split()[:-1] for line in instructions("COPY") if "--from=" not in line]
    sources = {source for line in copied for source in line}
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert "*" in ignored
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_does_not_run_as_root() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("CMD")[-1]) == ["doorward", "serve"]


def test_every_image_is_named_by_tag_and_digest() -> None:
    ours = {"doorward:local"}
    bases = [line.split()[0] for line in instructions("FROM")]
    images = {*bases, *(service["image"] for service in SERVICES.values() if "image" in service)}

    assert len(images - ours) == 4
    for image in images - ours:
        assert re.fullmatch(r"[a-z0-9/]+:[0-9.]+(-[a-z]+)?@sha256:[0-9a-f]{64}", image)
    assert len(set(bases)) == 1


def test_uv_is_installed_by_hash() -> None:
    bootstrap = runpy.run_path(str(ROOT / "tools" / "bootstrap.py"))
    requirement = bootstrap["UV_BY_HASH"].read_text().replace("\\\n", " ")
    lines = [line for line in requirement.splitlines() if not line.startswith("#")]
    assert bootstrap["UV_BY_HASH"] == ROOT / "tools" / "uv.txt"
    assert len(lines) == 1
    assert re.fullmatch(r"uv==[\d.]+\s+(--hash=sha256:[0-9a-f]{64}\s*){10,}", lines[0])
    installing = [each for each in instructions("RUN") if "pip install" in each]
    assert len(installing) == 1
    assert installing[0].endswith("--require-hashes --requirement=uv.txt")


def test_the_pip_that_installs_uv_runs_inside_and_outside_of_a_virtual_environment() -> None:
    for python in (sys.executable, os.path.realpath(sys.executable)):
        show = (
            r"import runpy; print(*runpy.run_path('tools/bootstrap.py')['find_pip'](), sep='\n')"
        )
        found = subprocess.run(
            [python, "-c", show], cwd=ROOT, check=True, capture_output=True, text=True
        )
        command = found.stdout.splitlines()
        pip = subprocess.run(
            [*command, "--version"], check=True, capture_output=True, text=True
        ).stdout
        assert pip.startswith("pip ")
