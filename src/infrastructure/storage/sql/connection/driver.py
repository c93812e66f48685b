"""Connections of asyncpg, as SQLAlchemy and a running service need them.

This module is imported with the first connection to PostgreSQL: SQLite needs no asyncpg.
"""

from typing import Any, Self

import asyncpg


class _Statement:
    """A prepared statement that survives a change of the schema.

    PostgreSQL refuses a cached plan once, when the type of a result has changed. Outside of a
    transaction nothing was executed, so the statement is prepared and executed again.
    """

    def __init__(
        self, connection: "DriverConnection", query: str, options: dict[str, Any]
    ) -> None:
        self._connection, self._query, self._options = connection, query, options

    async def prepare(self) -> Self:
        self._prepared = await self._connection.prepare_once(self._query, **self._options)
        return self

    async def fetch(self, *parameters: Any) -> Any:
        try:
            return await self._prepared.fetch(*parameters)
        except asyncpg.InvalidCachedStatementError:
            if self._connection.is_in_transaction():
                raise
            await self.prepare()
            return await self._prepared.fetch(*parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prepared, name)


class DriverConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    async def prepare(self, query: str, **options: Any) -> _Statement:
        return await _Statement(self, query, options).prepare()

    async def prepare_once(self, query: str, **options: Any) -> Any:
        return await super().prepare(query, **options)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """SQLAlchemy would wait two more seconds for a silent server to close the connection."""
        await super().close(timeout=min(timeout or 0.1, 0.1))
