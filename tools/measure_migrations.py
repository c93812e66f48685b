"""Measure how long each migration holds locks that block a running service.

.venv/bin/python -m tools.measure_migrations 1000000

It migrates a PostgreSQL server of its own up, one revision after the other, with so many users,
sessions and audit events. Of each revision it prints the time of the whole step, and for how long
its transaction held a lock on an existing table: one that blocks reads (``ACCESS EXCLUSIVE``), and
one that blocks writes. The time begins with the statement that takes the lock.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

from infrastructure.storage.sql.connection.url import connect_options
from infrastructure.storage.sql.migrations.runner import upgrade
from infrastructure.storage.sql.migrations.state import SCRIPTS
from tests.support.databases import TemplateDatabases
from tests.support.servers import OURS, postgres_server

FILLED_AFTER = {
    "0001": (
        """
        INSERT INTO users (id, name, email, email_key, password_hash, created_at, updated_at)
        SELECT gen_random_uuid(), 'Ada ' || n, n || '@example.org', n || '@example.org',
            repeat('x', 97), now(), now()
        FROM generate_series(1, :rows) AS n
        """,
        """
        INSERT INTO sessions
            (id, user_id, token_id, started_at, rotated_at, expires_at, ends_at)
        SELECT md5(n::text), gen_random_uuid(), md5((-n)::text), now(), now(), now(), now()
        FROM generate_series(1, :rows) AS n
        """,
    ),
    "0006": (
        """
        INSERT INTO audit_events (number, id, at, what, outcome, user_id, detail, request_id,
            address, address_salt, address_digest, previous, digest)
        SELECT n, md5(n::text), now(), 'login', 'success', gen_random_uuid(), '', md5(n::text),
            '192.0.2.1', md5(n::text), repeat('0', 64), repeat('0', 64), repeat('0', 64)
        FROM generate_series(1, :rows) AS n
        """,
    ),
}
"""After which revision which tables are filled."""

BLOCKING_READS = {"AccessExclusiveLock"}
BLOCKING_WRITES = BLOCKING_READS | {"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock"}
LOCKS = text(
    "SELECT DISTINCT mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
    "WHERE pid = pg_backend_pid() AND granted AND relname IN "
    "('users', 'sessions', 'rate_limits', 'audit_events', 'audit_chain', 'signing_keys') "
    "AND pg_class.oid < :first_new"
)
NEWEST_TABLE = text("SELECT max(oid::bigint) + 1 FROM pg_class")


@dataclass
class Holding:
    """
    :ivar first_new: the first object id of what the migration creates; its locks block no service.
    :ivar reads_since: when the transaction began the statement that took a lock against reads.
    :ivar reads: the longest time in seconds for which such a lock was held.
    """

    first_new: int
    began: float = 0
    reads_since: float | None = None
    writes_since: float | None = None
    reads: float = 0
    writes: float = 0
    is_asking: bool = False

    def before(self, *_: Any) -> None:
        if not self.is_asking:
            self.began = time.monotonic()

    def after(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        # After a question, the connection that excludes other migrations would keep a snapshot,
        # for which CREATE INDEX CONCURRENTLY waits.
        if self.is_asking or statement.startswith(("SET ", "SELECT ")):
            return
        self.is_asking = True
        modes = set(connection.execute(LOCKS, {"first_new": self.first_new}).scalars())
        self.is_asking = False
        if modes & BLOCKING_READS and self.reads_since is None:
            self.reads_since = self.began
        if modes & BLOCKING_WRITES and self.writes_since is None:
            self.writes_since = self.began

    def end(self, *_: Any) -> None:
        now = time.monotonic()
        self.reads = max(self.reads, now - (self.reads_since or now))
        self.writes = max(self.writes, now - (self.writes_since or now))
        self.reads_since = self.writes_since = None


async def measure(url: str, rows: int) -> None:
    address, options = connect_options(url)
    engine = create_async_engine(address, connect_args=options)
    print(f"revision  step ms  blocks reads ms  blocks writes ms   ({rows} rows a table)")
    for revision in _revisions():
        async with engine.connect() as connection:
            holding = Holding(await connection.scalar(NEWEST_TABLE))
        took = await _step(url, revision, holding)
        print(f"{revision:8}  {took:7.0f}  {holding.reads * 1000:15.1f}", end="")
        print(f"  {holding.writes * 1000:16.1f}", flush=True)
        async with engine.begin() as connection:
            for statement in FILLED_AFTER.get(revision, ()):
                await connection.execute(text(statement), {"rows": rows})
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


async def _step(url: str, revision: str, holding: Holding) -> float:
    """Migrate to a revision.

    :returns: the time in milliseconds, with indexes that are created beside the service.
    """
    hooks = {
        "before_cursor_execute": holding.before,
        "after_cursor_execute": holding.after,
        "commit": holding.end,
        "rollback": holding.end,
    }
    for name, hook in hooks.items():
        event.listen(Engine, name, hook)
    began = time.monotonic()
    await upgrade(url, revision)
    took = (time.monotonic() - began) * 1000
    for name, hook in hooks.items():
        event.remove(Engine, name, hook)
    return took


def _revisions() -> list[str]:
    return [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()][::-1]


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with (
        postgres_server(sources=OURS) as server,
        TemplateDatabases(server.url, lambda _: None) as databases,
        databases.fresh() as url,
    ):
        asyncio.run(measure(url, rows))


if __name__ == "__main__":
    main()
