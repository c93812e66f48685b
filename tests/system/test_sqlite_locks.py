"""The service keeps its SQLite locks while other processes open and close the file."""

import asyncio
import signal
import sqlite3
from pathlib import Path

from tests.http.client import Client
from tests.support.processes import QUICK, a_service
from tests.support.waiting import PATIENCE


async def test_no_commit_is_lost_when_another_process_closes_the_sqlite_file(
    tmp_path: Path,
) -> None:
    """SQLite deletes the write-ahead log at the last close, which it knows by the locks."""
    with a_service(tmp_path, LOGIN_LIMIT_ADDRESS="off", **QUICK) as service:
        async with Client(base_url=service.url, timeout=PATIENCE) as client:
            await client.register("first@example.org")
            # Concurrent requests open several connections.
            await asyncio.gather(*(client.log_in("first@example.org") for _ in range(8)))
            look(tmp_path / "var" / "doorward.db")
            for number in range(5):
                assert (await client.register(f"{number}@example.org")).status_code == 200

            service.end(signal.SIGKILL)
            service.start()

            for number in range(5):
                assert (await client.log_in(f"{number}@example.org")).status_code == 200


def look(path: Path) -> None:
    """Open and close the file, as a backup or `doorward doctor` does."""
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
    connection.close()
