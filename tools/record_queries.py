"""Write down the SQL that this release executes: a later schema must still be good for it.

.venv/bin/python -m tools.record_queries

It runs the contract tests of the stores, on PostgreSQL and SQLite, and notes each statement of the
stores that succeeds, with the values of the first time. They end up in
``tests/schema/releases/<revision>/``, by the newest migration of this release. Statements that
tests execute through a store's connection are left out: they damage tables on purpose.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from infrastructure.storage.options import StoreOptions
from infrastructure.storage.sql.database import Database
from infrastructure.storage.sql.migrations.state import newest
from tests.support.queries import Query, write

ROOT = Path(__file__).resolve().parent.parent
_LONGEST = 4000
"""Characters; a longer statement has very many values, and a shorter one of its kind exists."""

_OF_NO_TABLE = ("BEGIN", "PRAGMA")
_TESTS = {"test", "a test"}
"""What tests name as the role of their own statements."""

_OF_FAULTS = ("test_outages.py", "test_audit_outage.py", "test_schema_change.py", "test_pooler.py")
"""Tests that execute no other statements, and that a busy machine can fail."""

Connect = Callable[[Database, str], AbstractAsyncContextManager[AsyncConnection]]

_role = ContextVar("role", default="")
"""What the statement that is executed now is for."""


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
        for name in ("connection", "transaction"):
            setattr(Database, name, _with_role(getattr(Database, name)))

    def _note(
        self, connection: Any, _cursor: Any, statement: str, values: Any, _: Any, is_many: bool
    ) -> None:
        if len(statement) > _LONGEST or statement.startswith(_OF_NO_TABLE):
            return
        if _role.get() in _TESTS:
            return
        sample = values[0] if is_many else values
        known = self.queries[connection.dialect.name]
        known.setdefault(statement, Query(statement, tuple(sample or ())))


def _with_role(connect: Connect) -> Connect:
    @asynccontextmanager
    async def connect_with_role(database: Database, role: str) -> AsyncIterator[AsyncConnection]:
        before = _role.get()
        _role.set(role)
        try:
            async with connect(database, role) as connection:
                yield connection
        finally:
            _role.set(before)  # a fixture may end in another context than it began

    return connect_with_role


def main() -> int:
    recorder = Recorder()
    recorder.listen()
    folder = ROOT / "tests" / "contracts"
    ignored = (f"--ignore={folder / name}" for name in _OF_FAULTS)
    failed = pytest.main(["-q", "-n0", *ignored, str(folder)])
    if failed:
        return int(failed)
    for dialect, queries in recorder.queries.items():
        written = write(newest(), dialect, queries.values())
        print(f"{written} statements of {dialect}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
