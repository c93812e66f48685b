"""The example of a storage backend in a package of its own: installed, it passes the suite."""

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path("examples/folder_backend").resolve()
# Plugins that are installed here for other tests; they take a second to import.
PLUGINS = ("-pno:schemathesis", "-pno:faker", "-pno:xdist", "-pno:randomly", "-pno:cacheprovider")
PAGES = [Path("docs/adding-a-backend.md"), Path("src/doorward/conformance/README.md")]


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def install(target: Path) -> None:
    """Install the example beside Doorward, as pip does, but into a folder of the test."""
    installing = ["pip", "install", "--quiet", "--no-deps", f"--target={target}", str(EXAMPLE)]
    done = run(sys.executable, "tools/bootstrap.py", *installing, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr


def test_the_installed_example_passes_the_conformance_suite(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    install(packages)

    ran = run(
        *(sys.executable, "-m", "pytest", "--pyargs", "doorward.conformance"),
        *(*PLUGINS, "-q", "-rs"),
        f"--doorward-url=folder://{tmp_path}/sessions-{{unique}}",
        cwd=EXAMPLE,  # as the page says: the settings of pytest are the example's
        PYTHONPATH=str(packages),
    )

    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (\w+)", ran.stdout)}
    assert ran.returncode == 0, ran.stdout
    assert counts["passed"] > 40
    assert "the backend stores no users" in ran.stdout
    assert "failed" not in counts


def test_the_suite_asks_for_a_backend_that_was_not_named(tmp_path: Path) -> None:
    suite = ("--pyargs", "doorward.conformance.test_ping", *PLUGINS)
    ran = run(sys.executable, "-m", "pytest", *suite, cwd=tmp_path)

    assert ran.returncode != 0
    assert "name the backend: --doorward-url=" in ran.stdout


def test_the_pages_show_the_registration_of_the_example() -> None:
    [entry_points] = re.findall(r"```toml\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
    [registration] = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), re.DOTALL)

    assert entry_points in (EXAMPLE / "pyproject.toml").read_text()
    assert registration in (EXAMPLE / "src/doorward_folder/__init__.py").read_text()


def test_the_tests_that_the_readme_of_the_suite_names_exist() -> None:
    suite = PAGES[1].parent
    named = set(re.findall(r"`((?:\w+/)?test_\w+\.py)`", PAGES[1].read_text()))
    existing = {path.relative_to(suite).as_posix() for path in suite.rglob("test_*.py")}

    assert named == existing
