"""Each test that docs/security.md names is there, by that name."""

import re
from pathlib import Path

import pytest

NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", Path("docs/security.md").read_text())


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 60


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert re.search(rf"def test_{name}\b", Path("tests", file).read_text())
