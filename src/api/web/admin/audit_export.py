"""The audit log as a file: CSV (RFC 4180), or JSON Lines."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from api.schemas.audit import EventView
from domain.audit.event import RecordedEvent

_Pages = AsyncIterator[Sequence[RecordedEvent]]
_COLUMNS = msgspec.structs.fields(EventView)
_FORMULA = tuple("=+-@\t\r\n")
"""How a cell begins that spreadsheets compute (OWASP, CSV injection)."""


async def in_csv(pages: _Pages) -> AsyncIterator[bytes]:
    """Yield a line with the names of the columns, and one of each event."""
    yield _lines([[column.encode_name for column in _COLUMNS]])
    async for events in pages:
        yield _lines([_cells(event) for event in events])


async def in_json_lines(pages: _Pages) -> AsyncIterator[bytes]:
    """Yield each event as the API has it, on a line of its own."""
    async for events in pages:
        yield b"".join(msgspec.json.encode(EventView.of(event)) + b"\n" for event in events)


FORMATS: Mapping[str, tuple[str, Callable[[_Pages], AsyncIterator[bytes]]]] = {
    "csv": ("text/csv", in_csv),
    "jsonl": ("application/jsonl", in_json_lines),
}
"""The media type and what writes it, by the ending of the file."""


def _cells(recorded: RecordedEvent) -> list[Any]:
    event = msgspec.to_builtins(EventView.of(recorded))
    return [_cell(event[column.encode_name]) for column in _COLUMNS]


def _cell(value: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would compute."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
