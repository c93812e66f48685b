"""Write down the SQL that this release executes: a later schema must still be good for it.

.venv/bin/python -m tools.record_queries

It runs the contract tests of the stores, on PostgreSQL and SQLite, and notes each statement of the
stores that succeeds, with the values of the first time. They end up in
``tests/schema/releases/<revision>/``, by the newest migration of this release.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.migrations.runner import newest
from tests.support.queries import Query, write

ROOT = Path(__file__).resolve().parent.parent
_LONGEST = 4000
"""Characters; a longer statement has very many values, and a shorter one of its kind exists."""

_OF_NO_TABLE = ("BEGIN", "PRAGMA")


class Recorder:
    """
    :ivar queries: by dialect and statement.
    """

    def __init__(self) -> None:
        self.queries: dict[str, dict[str, Query]] = {"postgresql": {}, "sqlite": {}}

    def listen(self) -> None:
        """Listen to the databases of all stores opened from now on, not to the tests' own."""
        make: Callable[..., None] = Database.__init__

        def make_heard(database: Database, url: str, limits: StoreOptions) -> None:
            make(database, url, limits)
            engine = database._engine.sync_engine  # noqa: SLF001 - others have one, too
            event.listen(engine, "after_cursor_execute", self._note)

        setattr(Database, "__init__", make_heard)  # noqa: B010 - or mypy objects

    def _note(
        self, connection: Any, _cursor: Any, statement: str, values: Any, _: Any, is_many: bool
    ) -> None:
        if len(statement) > _LONGEST or statement.startswith(_OF_NO_TABLE):
            return
        sample = values[0] if is_many else values
        known = self.queries[connection.dialect.name]
        known.setdefault(statement, Query(statement, tuple(sample or ())))


def main() -> int:
    recorder = Recorder()
    recorder.listen()
    failed = pytest.main(["-q", "-n0", str(ROOT / "tests" / "contracts")])
    if failed:
        return int(failed)
    for dialect, queries in recorder.queries.items():
        written = write(newest(), dialect, queries.values())
        print(f"{written} statements of {dialect}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
