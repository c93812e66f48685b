"""The program `doorward`: its start, and its imports before they are needed."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from doorward.cli.base.lazy_command import LazyCommand
from doorward.cli.main import doorward
from tests.support.commands import assert_one_line, forked
from tests.support.processes import COMMAND, QUICK, a_service

OWN = {"domain", "application", "infrastructure", "api", "doorward"}
MODULE = (sys.executable, "-m", "doorward")

PACKAGES = """
import sys
before = set(sys.modules)
from doorward.cli.main import main
try:
    main()
except SystemExit:
    packages = {name.partition(".")[0] for name in set(sys.modules) - before}
    print(*sorted(packages - sys.stdlib_module_names), sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_package_but_click(option: str) -> None:
    command = [sys.executable, "-c", PACKAGES, option]
    packages = subprocess.run(command, check=True, capture_output=True, text=True).stderr

    assert set(packages.split()) - OWN == {"click"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_module_answers_as_the_command_does(option: str) -> None:
    of_module, of_command = (
        subprocess.run([*command, option], check=True, capture_output=True, text=True).stdout
        for command in (MODULE, [COMMAND])
    )

    assert of_module == of_command
    assert of_module.startswith(("Usage: doorward ", "doorward, version "))


@pytest.mark.parametrize("name", list(doorward.commands))
def test_each_summary_is_the_beginning_of_the_help_of_its_command(name: str) -> None:
    command = doorward.commands[name]
    assert isinstance(command, LazyCommand)

    loaded = command.load()

    assert loaded.name == name
    assert (loaded.help or "").startswith(command.short_help or "none")


def test_the_exit_code_tells_success_from_failure_and_from_a_wrong_configuration(
    tmp_path: Path,
) -> None:
    done = forked(tmp_path, "migrate", "up", USERS_URL="memory:")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to migrate" in done.stdout

    down = forked(tmp_path, "serve", REDIS_URL="redis://:s3cret@127.0.0.1:1/0", **QUICK)
    assert_one_line(down, 1, "Redis at 127.0.0.1:1 cannot be used")

    wrong = forked(tmp_path, "serve", PORT="s3cret")
    assert_one_line(wrong, 2, "PORT")


@pytest.fixture(scope="module")
def module_log(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Let the module serve with two workers and end; return its log, with what they import."""
    command = (sys.executable, "-X", "importtime", "-m", "doorward", "serve", "--workers", "2")
    with a_service(tmp_path_factory.mktemp("module"), command, **QUICK) as service:
        assert httpx.get(f"{service.url}/health/ready").is_success
        assert service.end() == 0
        return service.log


def test_the_module_serves_with_several_workers_that_end_without_a_traceback(
    module_log: str,
) -> None:
    assert module_log.count("Application startup complete") == 2
    assert "Traceback" not in module_log


def test_modules_of_telemetry_that_is_off_are_not_imported(module_log: str) -> None:
    imported = Counter(re.findall(r"^import time: .* \| +(\S+)$", module_log, re.MULTILINE))

    assert imported["infrastructure.telemetry.telemetry"] == 3  # the supervisor and the workers
    for each in ("metrics", "tracing"):
        assert imported[f"infrastructure.telemetry.{each}"] == 0
    assert imported["prometheus_client"] == 0
