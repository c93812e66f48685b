"""Write the tables of settings into docs/configuration.md.

.venv/bin/python tools/settings_table.py
"""

import re
from pathlib import Path

from infrastructure.config.settings import tables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"


def with_settings(text: str) -> str:
    """Return the page with the current tables between its two marks."""
    marked = re.compile(r"(<!-- settings: [^>]*-->\n).*(<!-- /settings -->)", re.DOTALL)
    return marked.sub(lambda marks: f"{marks[1]}{tables()}{marks[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(with_settings(PAGE.read_text()))
