"""PostgreSQL behind a connection pooler, such as PgBouncer in transaction mode.

Such a pooler lends a server for one transaction at a time. So a session has no state that outlives
a transaction: no prepared statement with a name, and no search path.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    import asyncpg

_NO_CACHE: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",  # the unnamed statement
}

_KEEP_OPEN = """
SELECT (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout')
FROM pg_backend_pid() AS process WHERE process = {process}
"""


def stateless_engine(url: URL, driver_options: dict[str, Any], **options: Any) -> AsyncEngine:
    """Make an engine whose statements are all in transactions that rely on no earlier one.

    :param driver_options: see :func:`~infrastructure.storage.sql.connection.url.connect_options`.
    :param options: of SQLAlchemy's engine.
    """
    connect_args = without_search_path(driver_options) | _NO_CACHE
    engine = create_async_engine(url, connect_args=connect_args, **options)
    if path := driver_options.get("server_settings", {}).get("search_path"):
        event.listen(engine.sync_engine, "begin", partial(_set_search_path, path))
    return engine


def without_search_path(driver_options: dict[str, Any]) -> dict[str, Any]:
    """Return the options without the search path: PgBouncer refuses it in a new connection."""
    return without_settings(driver_options, "search_path")


def without_settings(driver_options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the options without some of the server's settings."""
    settings: dict[str, str] = driver_options.get("server_settings", {})
    kept = {name: value for name, value in settings.items() if name not in names}
    return {**driver_options, "server_settings": kept}


async def is_pooled(connection: "asyncpg.Connection") -> bool:
    """Whether a pooler is in between, and disable the time-out of idle sessions if not.

    A pooler makes up the process id that a client gets with its connection. The statement is sent
    in the simple protocol, and changes nothing behind a pooler, where others would inherit it.
    """
    process = int(connection.get_server_pid())
    status = await connection.execute(_KEEP_OPEN.format(process=process))
    return bool(status == "SELECT 0")


def _set_search_path(path: str, connection: Connection) -> None:
    connection.exec_driver_sql("SELECT set_config('search_path', $1, true)", (path,))
