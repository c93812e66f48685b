"""The report of rejected records: a file beside the imported one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from application.accounts.user_transfer.records import Rejected
from infrastructure.user_transfer.files import UnreadableFile, json_line, open_itself


@dataclass(frozen=True)
class Report:
    """Line numbers and reasons; not the records themselves, which may hold secrets."""

    path: Path

    @classmethod
    def beside(cls, path: Path, *, dry_run: bool) -> Self:
        kind = "dry-run" if dry_run else "rejected"
        return cls(path.with_name(f"{path.name}.{kind}.jsonl"))

    @property
    def is_empty(self) -> bool:
        return not self.path.exists()

    def keep(self, lines: int) -> None:
        """Keep what an earlier import wrote about this many lines, and delete the rest.

        :raises UnreadableFile: the file is no report.
        """
        kept: list[bytes] = []
        if lines and not self.is_empty:
            try:
                with open_itself(self.path, "rb") as opened:
                    kept = [
                        text
                        for text in opened
                        if msgspec.json.decode(text, type=_Entry).line <= lines
                    ]
            except msgspec.DecodeError:
                raise UnreadableFile(f"{self.path.name} is not a report: delete it") from None
        if kept:
            with open_itself(self.path, "wb") as opened:
                opened.writelines(kept)
        else:
            self.path.unlink(missing_ok=True)

    def add(self, rejected: Sequence[Rejected]) -> None:
        if rejected:
            with open_itself(self.path, "a") as opened:
                opened.writelines(json_line(_format_rejected(each)) for each in rejected)


class _Entry(msgspec.Struct):
    line: int


def _format_rejected(rejected: Rejected) -> Mapping[str, Any]:
    problems = [{"field": each.field, "message": each.message} for each in rejected.problems]
    return {"line": rejected.line, "problems": problems}
