"""Files of users, of any size: CSV whose first line names the columns, or JSON Lines.

CSV may be separated by commas, semicolons or tabs, as spreadsheets and databases write it.
"""

import codecs
import csv
import errno
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, overload

import msgspec

from application.accounts.user_transfer.records import FIELDS, UNUSABLE, Record
from domain.user import User

_MAX_LINE_LENGTH = 64 * 1024
_BATCH = 500
_FORMULA = re.compile(
    r"(^|[,;|\t\r\n])"
    r"(?=[\s\"]*[=+@\0\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212-])|^(?=[\t\r])"
)
"""The beginning of a cell, before what spreadsheets take for the first sign of a formula."""

_SEPARATORS = ",;\t"
_NULL = r"\N"  # PostgreSQL's and MySQL's
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPED = r"it has \" for a quotation mark, as MySQL writes it: export JSON Lines"
_NOT_UTF_8 = "is not in UTF-8: convert the file, as with `iconv -f WINDOWS-1252 -t UTF-8`"


class UnreadableFile(Exception):
    """The rest of the file cannot be read."""


@dataclass(frozen=True, slots=True)
class Batch:
    """
    :ivar offset: position after the last record, in bytes.
    :ivar line: number of that record's last line, from 1.
    """

    records: Sequence[Record]
    offset: int
    line: int


def is_csv(path: Path) -> bool:
    """Whether the file is CSV, or else JSON Lines, by its name.

    :raises UnreadableFile: the name has another ending.
    """
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".jsonl", ".ndjson"}:
        raise UnreadableFile(f"{path.name} must end in .csv, .jsonl or .ndjson")
    return suffix == ".csv"


def batches(path: Path, skip_lines: int = 0) -> Iterator[Batch]:
    """Read records, some hundred at a time.

    :param skip_lines: number of lines to leave out; a CSV file's first one is read all the same.
    :raises UnreadableFile: a line cannot be parsed, and so none after it, or there are fewer.
    """
    with open_itself(path, "rb") as file:
        if file.read(2) in _UTF_16:
            raise UnreadableFile(
                f"{path.name} is in UTF-16: convert it, as with `iconv -f UTF-16 -t UTF-8`"
            )
        header = _read_header(file) if is_csv(path) else None
        lines = _Lines(file)
        lines.skip(skip_lines)
        records = _json_lines(lines) if header is None else _rows(lines, header)
        while batch := list(islice(records, _BATCH)):
            yield Batch(batch, lines.offset, lines.number)


class _Lines:
    """The numbered lines of a file.

    :ivar offset: position of the next line, in bytes.
    :ivar number: number of the last line, from 1.
    :ivar text: the last line.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.text = ""
        self.offset = 0
        self.number = 0
        file.seek(0)

    def skip(self, count: int) -> None:
        """:raises UnreadableFile: the file has fewer lines."""
        for _ in islice(self, count):
            pass
        if self.number < count:
            raise UnreadableFile(f"there are only {self.number} lines")

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_MAX_LINE_LENGTH):
            self.number += 1
            if len(line) == _MAX_LINE_LENGTH and not line.endswith(b"\n"):
                raise UnreadableFile(f"line {self.number} is longer than {_MAX_LINE_LENGTH} bytes")
            mark = codecs.BOM_UTF8 if self.offset == 0 else b""  # record_of by Excel
            self.offset += len(line)
            # Invalid UTF-8 becomes surrogates, for which a record is rejected.
            self.text = line.removeprefix(mark).decode("utf-8", "surrogateescape")
            yield self.text


@dataclass(frozen=True, slots=True)
class _Header:
    names: Sequence[str]
    separator: str


def _read_header(file: IO[bytes]) -> _Header:
    """:raises UnreadableFile: the first line does not name the columns."""
    problem = f"line 1 must name the columns: {', '.join(FIELDS)}"
    for separator in _SEPARATORS:
        rows = csv.reader(_Lines(file), strict=True, delimiter=separator)
        try:
            names = [_column_name(text) for text in next(rows, [])]
        except csv.Error as error:  # of quoted names, if another sign separates them
            problem = f"line 1 cannot be read as CSV: {error}"
            continue
        if "email" in names:
            for name in names:
                if name and names.count(name) > 1:
                    raise UnreadableFile(f"line 1 names the column {name[:50]!r} twice")
            return _Header(names, separator)
    raise UnreadableFile(problem)


def _column_name(text: str) -> str:
    return re.sub(r"[\s-]+", "_", text.strip().lower())


def _rows(lines: _Lines, header: _Header) -> Iterator[Record]:
    rows = csv.reader(lines, strict=True, delimiter=header.separator)
    while True:
        first = lines.number + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reason = _ESCAPED if '\\"' in lines.text else str(error)
            raise UnreadableFile(f"line {first} cannot be read as CSV: {reason}") from None
        if row and first != 1:
            yield _record(first, row, header.names)


def _record(line: int, row: Sequence[str], names: Sequence[str]) -> Record:
    problem = "" if len(row) == len(names) else f"must have {len(names)} columns"
    if any("\udc80" <= character <= "\udcff" for text in row for character in text):
        problem = _NOT_UTF_8
    values = zip(names, row, strict=False)
    return Record(line, {name: text for name, text in values if text != _NULL}, problem)


def _json_lines(lines: _Lines) -> Iterator[Record]:
    return (_json_record(lines.number, text) for text in lines if text.strip())


def _json_record(number: int, text: str) -> Record:
    try:
        members = msgspec.json.decode(text.encode(), type=dict[str, Any])
        pairs = json.loads(text, object_pairs_hook=list, parse_int=str, parse_float=str)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Record(number, {}, "must be one JSON object in UTF-8")
    if len(dict(pairs)) < len(pairs):
        return Record(number, {}, "must not hold a name twice")
    known = {name: members[name] for name in FIELDS if members.get(name) is not None}
    if any(isinstance(value, dict | list) for value in known.values()):
        return Record(number, {}, "must hold no objects and no arrays")
    return Record(number, {name: _text(value) for name, value in known.items()})


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def record_of(user: User, *, with_hash: bool) -> Mapping[str, Any]:
    """Return the user as a record. Without the hash it cannot be imported."""
    values: dict[str, Any] = {
        "id": str(user.id),
        "name": user.name,
        "email": user.email.address,
        "role": user.role.value,
        "photo": user.photo,
        "verified": user.verified,
        "disabled": user.disabled,
        "created_at": user.created_at.isoformat(),
        "updated_at": user.updated_at.isoformat(),
        "locale": user.locale or "",
    }
    return values | ({"password_hash": user.password_hash or UNUSABLE} if with_hash else {})


def json_line(values: Mapping[str, Any]) -> str:
    return msgspec.json.encode(values).decode() + "\n"


def csv_line(values: Mapping[str, Any]) -> str:
    """Format a record as CSV, without formulas for spreadsheets (OWASP ASVS 5.0, V1.2.10)."""
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(_without_formulas(str(value)) for value in values.values())
    return line.getvalue()


def _without_formulas(text: str) -> str:
    """Put an apostrophe before each beginning of a formula, also behind what another program may
    take for the end of a cell.
    """
    return _FORMULA.sub(r"\1'", text)


@overload
def open_itself(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]: ...
@overload
def open_itself(path: Path, mode: Literal["a"]) -> IO[str]: ...
def open_itself(path: Path, mode: str) -> IO[Any]:
    """Open a file, and not one that a symbolic link in its place names.

    :raises UnreadableFile: it is a symbolic link.
    """

    def open_directly(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW, 0o666)

    encoding = None if "b" in mode else "utf-8"
    try:
        return open(path, mode, encoding=encoding, opener=open_directly)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnreadableFile(f"{path.name} is a symbolic link: name the file itself") from None
        raise


def open_private(path: Path) -> IO[str]:
    """Create a file that only its owner can read.

    :raises FileExistsError: the file exists.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")
