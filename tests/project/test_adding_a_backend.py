"""docs/adding-a-backend.md, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = Path("docs/adding-a-backend.md").read_text()


def test_the_example_passes_the_contract_tests(tmp_path: Path) -> None:
    for part in ("src", "tests", "alembic", "pyproject.toml"):
        (shutil.copytree if Path(part).is_dir() else shutil.copy)(part, tmp_path / part)
    adapter, registration, place = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "src/infrastructure/folder.py").write_text(adapter)
    append(tmp_path / "src/infrastructure/storage/backends.py", registration)
    append(tmp_path / "tests/conftest.py", place)

    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-n0",
            "tests/contracts",
            "-k",
            "folder",
            "-p",
            "no:cacheprovider",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        check=False,
        capture_output=True,
        text=True,
    )

    passed = re.search(r"(\d+) passed", ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert passed is not None
    assert int(passed[1]) > 20


def append(file: Path, text: str) -> None:
    file.write_text(f"{file.read_text()}\n\n{text}")
