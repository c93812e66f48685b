"""README and docs are true: tours run, the table of settings matches, links resolve."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import COMMAND, Service
from tools.settings_table import with_settings

CONFIGURATION = Path("docs/configuration.md").read_text()
TOURS = ("README.md", "docs/tour.md")
PAGES = [Path(name) for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]


def tour(page: str) -> list[tuple[str, str]]:
    """Return each command of the tour with its output, or with "" where the page shows none."""
    block = re.search(r"<!-- tour: .*?```sh\n(.*?)```", Path(page).read_text(), re.DOTALL)
    assert block is not None
    steps: list[tuple[str, str]] = []
    for line in block[1].replace("\\\n", " ").splitlines():
        if line.startswith("# → "):
            steps[-1] = (steps[-1][0], line.removeprefix("# → "))
        elif line and not line.startswith("#"):
            steps.append((line, ""))
    return steps


def run(command: str, folder: Path) -> str:
    path = os.environ["PATH"]
    if shutil.which("curl") is None:  # then the small one of the tests, for a machine without curl
        curl = folder / "bin" / "curl"
        curl.parent.mkdir(exist_ok=True)
        curl.write_text(
            f'#!/bin/sh\nexec {sys.executable} {Path("tests/support/curl.py").resolve()} "$@"\n'
        )
        curl.chmod(0o700)
        path = f"{curl.parent}:{path}"
    return subprocess.run(
        ["/bin/sh", "-ec", command.replace(".venv/bin/doorward", str(COMMAND))],
        cwd=folder,
        env={"PATH": path},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.removesuffix("\n")


@pytest.mark.parametrize("page", TOURS)
def test_the_tour_prints_what_the_page_shows(page: str, service: Service) -> None:
    steps = tour(page)
    assert len(steps) >= 6
    for command, expected in steps:
        printed = run(command.replace("http://localhost:8000", service.url), service.folder)
        pattern = ".*".join(re.escape(part) for part in expected.split("…"))
        assert re.fullmatch(pattern, printed), f"{command}\nprinted {printed}"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    assert with_settings(CONFIGURATION) == CONFIGURATION, "run `make docs`"


@pytest.mark.parametrize("page", [*PAGES, *Path("docs").rglob("*.md")], ids=str)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
