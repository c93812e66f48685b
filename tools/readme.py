"""Write the table of settings into README.md.

.venv/bin/python tools/readme.py
"""

import re
from pathlib import Path

from infrastructure.config.settings import table

README = Path(__file__).resolve().parent.parent / "README.md"


def with_settings(text: str) -> str:
    """The README with the table of today between its two marks."""
    marked = re.compile(r"(<!-- settings: [^>]*-->\n).*(<!-- /settings -->)", re.DOTALL)
    return marked.sub(lambda marks: f"{marks[1]}{table()}{marks[2]}", text)


if __name__ == "__main__":
    README.write_text(with_settings(README.read_text()))
