"""The package as pip and uvx install it: the service runs without a checkout."""

import subprocess
import sys
from pathlib import Path

from tests.support.processes import QUICK, a_service

ROOT = Path(__file__).parents[2]


def install(target: Path) -> None:
    """Build the wheel and unpack it as pip does, but into a folder of the test."""
    installing = ["pip", "install", "--quiet", "--no-deps", f"--target={target}", str(ROOT)]
    command = [sys.executable, str(ROOT / "tools" / "bootstrap.py"), *installing]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def templates(folder: Path) -> set[Path]:
    return {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}


def test_the_installed_package_serves_and_has_its_migrations_and_mails(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    install(packages)
    for name in ("domain", "application", "infrastructure", "api", "doorward"):
        assert (packages / name / "py.typed").exists()
    migrations = (
        packages / "infrastructure" / "storage" / "sql" / "migrations" / "scripts" / "versions"
    )
    made = {file.name for file in (ROOT / "alembic" / "versions").glob("*.py")}
    assert {file.name for file in migrations.glob("*.py")} == made
    mails = Path("infrastructure", "mail", "templates")
    assert templates(packages / mails) == templates(ROOT / "src" / mails)

    serve = (sys.executable, "-m", "doorward", "serve")
    with a_service(tmp_path, serve, PYTHONPATH=str(packages), **QUICK) as service:
        database = tmp_path / "var" / "doorward.db"
        assert database.exists(), service.log
