"""PostgreSQL databases for tests: a copy of a template, or one that is emptied for each test."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg
import pytest

from infrastructure.storage.sql.connection import pooler
from infrastructure.storage.sql.database import Database

_TIMEOUT = 30.0  # seconds


class SyncConnection:
    """A connection for callers that are synchronous, or whose own event loop is running."""

    def __init__(self, url: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()
        self._connection: Any = self._run(lambda: asyncpg.connect(url, timeout=_TIMEOUT))

    def value(self, statement: str) -> Any:
        """Return the first value of the answer."""
        return self._run(lambda: self._connection.fetchval(statement))

    def execute(self, script: str) -> None:
        self._run(lambda: self._connection.execute(script))

    def close(self) -> None:
        self._thread.submit(self._connection.terminate).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _run(self, ask: Callable[[], Any]) -> Any:
        async def answer() -> Any:
            return await ask()

        return self._thread.submit(lambda: self._runner.run(answer())).result()


class TemplateDatabases:
    """Databases for one test each, at the price of a copy: migrations run only once."""

    def __init__(self, server_url: str, migrate: Callable[[str], None]) -> None:
        self._server_url = server_url
        self._migrate = migrate
        self._template = "template0"  # the empty one that every server has
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._server = SyncConnection(self._server_url)
            undo.callback(self._server.close)
            url = undo.enter_context(self.fresh())
            self._migrate(url)
            self._template = urlsplit(url).path[1:]
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Yield the URL of a new database, which is dropped even if it is still in use."""
        name = f"doorward_test_{secrets.token_hex(8)}"
        # The default, which writes the whole copy to the log as well, takes half as long again.
        self._server.execute(
            f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy"
        )
        try:
            yield urlsplit(self._server_url)._replace(path=f"/{name}").geturl()
        finally:
            self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def looked_at_once(server_url: str) -> Iterator[None]:
    """Let only the first :class:`Database` on this server look for a pooler in between, unless it
    finds one. It connects for that, which takes 6 ms of the server and 3 ms here.
    """
    server, look, ask = urlsplit(server_url), Database._find_pooler, pooler.is_pooled
    is_known = False

    async def look_once(database: Database) -> bool:
        nonlocal is_known
        url = database._engine.url
        is_there = (url.host, url.port) == (server.hostname, server.port)
        if is_there and is_known and pooler.is_pooled is ask:
            return False
        is_pooled = await look(database)
        is_known |= is_there and not is_pooled
        return is_pooled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "_find_pooler", look_once)
        yield


class ReusedDatabase:
    """One database for a test after the other, emptied in a few milliseconds.

    A test may change the schema: an event trigger notes it, and the next test gets a new copy of
    the template. Only a superuser may do all that, so others get a new copy for each test.
    """

    def __init__(self, databases: TemplateDatabases) -> None:
        self._databases = databases
        self._undo = ExitStack()
        self._url = ""
        self._connection: SyncConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def empty(self) -> str:
        """Return the URL of a database with the rows of the migrations and no others."""
        if not self._is_reset():
            self._replace()
        return self._url

    def _is_reset(self) -> bool:
        """Empty the database, unless its schema is another one or its server ended our session."""
        if self._connection is None:
            return False
        try:
            if self._connection.value(_IS_ALTERED):
                return False
            self._connection.execute(_RESET)
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
            return False
        return True

    def _replace(self) -> None:
        self._undo.close()
        self._connection = None
        self._url = self._undo.enter_context(self._databases.fresh())
        connection = SyncConnection(self._url)
        self._undo.callback(connection.close)
        if connection.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            connection.execute(_PREPARE)
            self._connection = connection


_PREPARE = """
CREATE SCHEMA doorward_test;
CREATE TABLE doorward_test.altered ();
DO $do$
DECLARE
    name text;
    has_rows bool;
    statements text := '';
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE doorward_test.%I AS TABLE public.%I', name, name);
        statements := statements || format(
            'IF pg_relation_size(''public.%1$I'') > 65536 THEN TRUNCATE public.%1$I;'
            ' ELSE DELETE FROM public.%1$I; END IF;', name);
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO has_rows;
        IF has_rows THEN
            statements := statements || format(
                'INSERT INTO public.%1$I SELECT * FROM doorward_test.%1$I;', name);
        END IF;
    END LOOP;
    -- Statements that are not in the function itself would be planned again for each test.
    EXECUTE format('CREATE FUNCTION doorward_test.reset() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    %s
END $$', statements);
END $do$;
CREATE FUNCTION doorward_test.note() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO doorward_test.altered DEFAULT VALUES;
END $$;
CREATE EVENT TRIGGER doorward_test ON ddl_command_end EXECUTE FUNCTION doorward_test.note();
"""
_IS_ALTERED = "SELECT EXISTS (SELECT FROM doorward_test.altered)"
_RESET = """
BEGIN;
SET LOCAL session_replication_role = replica;  -- only triggers that are ALWAYS on
SELECT doorward_test.reset();
COMMIT;
"""
