"""The error of a file that cannot be used."""

from pathlib import Path


class OverrideInvalid(Exception):
    """A file of the operator cannot be used: where, and why."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        place = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{place}: {reason}")


def read_text(path: Path) -> str:
    """
    :raises OverrideInvalid: it cannot be read, or is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OverrideInvalid(path, None, f"cannot be read ({type(error).__name__})") from None
