"""The number of rows: exact if there are few, an estimate where counting would take too long."""

from typing import Any

import msgspec
from sqlalchemy import ClauseElement, Executable, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from application.pagination import Total


async def count_rows(
    connection: AsyncConnection, matching: Select[Any], exact_up_to: int
) -> Total:
    """Count the matching rows up to a number; more are an estimate, where the database has one."""
    some = matching.limit(exact_up_to + 1).subquery()
    counted = await connection.scalar(select(func.count()).select_from(some)) or 0
    if counted <= exact_up_to:
        return Total(counted)
    if connection.dialect.name == "postgresql":
        return Total(max(await _estimate(connection, matching), counted), is_exact=False)
    every = select(func.count()).select_from(matching.subquery())
    return Total(await connection.scalar(every) or 0)


class _explain(Executable, ClauseElement):  # noqa: N801 - used like a function
    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_explain)
def _explained(element: _explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


async def _estimate(connection: AsyncConnection, matching: Select[Any]) -> int:
    """Return the number of rows that PostgreSQL's planner expects."""
    plans = await connection.scalar(_explain(matching))
    if isinstance(plans, str):
        plans = msgspec.json.decode(plans)
    return int(plans[0]["Plan"]["Plan Rows"])
