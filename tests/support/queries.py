"""The SQL of earlier releases, which ``tools/record_queries.py`` writes down."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

RELEASES = Path(__file__).parents[1] / "schema" / "releases"

_LONGEST = 64
"""Characters of a value, for a digest has that many; of longer texts the beginning will do."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement of a release.

    :ivar values: as its driver got them once.
    """

    statement: str
    values: tuple[Any, ...]

    def written(self) -> dict[str, Any]:
        return {"sql": self.statement, "values": [_written(value) for value in self.values]}


def write(revision: str, dialect: str, queries: Iterable[Query]) -> int:
    """Write the shortest query of each shape; return their number."""
    shapes: dict[str, Query] = {}
    for query in sorted(queries, key=lambda each: (len(each.statement), each.statement)):
        shapes.setdefault(_shape(query.statement), query)
    lines = [
        json.dumps(query.written())
        for query in sorted(shapes.values(), key=lambda each: each.statement)
    ]
    folder = RELEASES / revision
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{dialect}.jsonl").write_text("\n".join(lines) + "\n")
    return len(lines)


def queries(revision: str, dialect: str) -> Iterator[Query]:
    """Return the queries of the release with this newest migration."""
    for line in (RELEASES / revision / f"{dialect}.jsonl").read_text().splitlines():
        read = json.loads(line)
        yield Query(read["sql"], tuple(map(_value, read["values"])))


def _shape(statement: str) -> str:
    """The same for lists of any length: of addresses to look for, of rows to add."""
    alike = re.sub(r"\$\d+", "?", statement)
    of_values = re.sub(r"\?[\w: ()]*(, \?[\w: ()]*)+", "?, ?", alike)
    return re.sub(r"\(\?(, \?)*\)(, \(\?(, \?)*\))*", "(?)", of_values)


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    return value[:_LONGEST] if isinstance(value, str) else value


def _value(written: Any) -> Any:
    match written:
        case {"time": str(time)}:
            return datetime.fromisoformat(time)
        case {"uuid": str(uuid)}:
            return UUID(uuid)
    return written
