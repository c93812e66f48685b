"""How far an import has come, and what of it was rejected: two files beside the imported one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from application.import_users import Imported, Rejected
from infrastructure.user_transfer.files import Batch, UnreadableFile, json_line


@dataclass
class Progress:
    """How far an import has come, in a file beside the imported one.

    :ivar size: of the imported file, by which it is known again, with ``changed_at``.
    :ivar report: the size of the report of what was rejected.
    """

    size: int
    offset: int = 0
    line: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    report: int = 0
    changed_at: int = 0

    @classmethod
    def of(cls, path: Path) -> Self:
        """As it was left, or of a beginning.

        :raises UnreadableFile: the file has changed since.
        """
        stat, place = path.stat(), cls.place(path)
        if not place.exists():
            return cls(stat.st_size, changed_at=stat.st_mtime_ns)
        try:
            progress = msgspec.json.decode(place.read_bytes(), type=cls)
        except msgspec.DecodeError:
            raise UnreadableFile(f"{place.name} cannot be read: delete it to begin anew") from None
        if (progress.size, progress.changed_at) != (stat.st_size, stat.st_mtime_ns):
            raise UnreadableFile(
                f"{path.name} has changed since its import began: delete {place.name} to begin "
                "anew (who is there already is skipped)"
            )
        return progress

    def add(self, imported: Imported, batch: Batch) -> None:
        self.offset, self.line = batch.offset, batch.line
        self.new += imported.new
        self.known += imported.known
        self.rejected += len(imported.rejected)

    def save(self, path: Path) -> None:
        draft = path.with_name(f"{path.name}.progress-draft")
        draft.write_bytes(msgspec.json.encode(self))
        draft.replace(self.place(path))

    @staticmethod
    def place(path: Path) -> Path:
        return path.with_name(f"{path.name}.progress")


@dataclass
class Report:
    """Of what was rejected, and why; not of the records themselves, for there may be secrets in
    them.
    """

    path: Path

    @classmethod
    def beside(cls, path: Path, *, dry_run: bool) -> Self:
        kind = "dry-run" if dry_run else "rejected"
        return cls(path.with_name(f"{path.name}.{kind}.jsonl"))

    def cut(self, size: int) -> None:
        """What was written after that was written for nothing: its records are read again."""
        if size:
            os.truncate(self.path, size)
        else:
            self.path.unlink(missing_ok=True)

    def add(self, rejected: Sequence[Rejected]) -> int:
        """
        :returns: its size.
        """
        if rejected:
            with self.path.open("a", encoding="utf-8") as opened:
                opened.writelines(json_line(_told(each)) for each in rejected)
        return self.path.stat().st_size if self.path.exists() else 0


def _told(rejected: Rejected) -> Mapping[str, Any]:
    problems = [{"field": each.field, "message": each.message} for each in rejected.problems]
    return {"line": rejected.line, "problems": problems}
