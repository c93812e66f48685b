"""The page that explains the service by a program is that program."""

import re
from pathlib import Path

PAGE = Path("docs/in-200-lines.md").read_text()
PROGRAM = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_the_program_of_the_page_runs_and_its_assertions_hold() -> None:
    assert PROGRAM.count("assert ") >= 7

    exec(compile(PROGRAM, "docs/in-200-lines.md", "exec"), {"__name__": "in_200_lines"})  # noqa: S102 - it is our own page


def test_the_page_keeps_what_its_title_promises() -> None:
    assert len(PROGRAM.splitlines()) <= 200


def test_the_files_that_the_page_names_exist() -> None:
    named = re.findall(r"`(src/[\w/.]+)`", PAGE)

    assert named
    assert [path for path in named if not Path(path).exists()] == []
