"""``docs/security.md`` names the test of each promise; the names must exist."""

import re
from pathlib import Path

NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", Path("docs/security.md").read_text())


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 60


def test_each_named_test_exists() -> None:
    sources = {file: _source(Path("tests", file)) for file, _ in NAMED}
    missing = [
        f"{file}::{name}"
        for file, name in NAMED
        if not re.search(rf"def test_{name}\b", sources[file])
    ]
    assert missing == []


def _source(path: Path) -> str:
    """Return the text of a test file, and of the conformance tests that it runs."""
    suite = Path("src/doorward/conformance")
    port = suite / path.stem.removeprefix("test_")
    files = [path, suite / path.name, *port.glob("test_*.py")]
    return "".join(each.read_text() for each in files if each.exists())
