"""The domain and the application import nothing but the standard library and each other."""

import ast
import sys
from pathlib import Path

import pytest

FILES = [file for layer in ("domain", "application") for file in Path("src", layer).rglob("*.py")]


def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in named | taken}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_inner_layers_need_nothing_that_has_to_be_installed(file: Path) -> None:
    allowed = (
        sys.stdlib_module_names
        | {"domain"}
        | ({"application"} if "application" in file.parts else set())
    )

    assert imported(file) <= allowed
