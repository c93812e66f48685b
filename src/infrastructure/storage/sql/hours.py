"""Hours as integers, the number of hours since 1970: a day of UTC is 24 of them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from domain.figures import HOUR

_EPOCH = datetime.fromtimestamp(0, UTC)


class hour_of(FunctionElement[int]):  # noqa: N801 - used like a function
    """The number of the hour of a time in the database."""

    inherit_cache = True
    type = Integer()


@compiles(hour_of, "postgresql")
def _in_postgresql(element: hour_of, compiler: SQLCompiler, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"CAST(floor(extract(epoch FROM {at}) / 3600) AS integer)"


@compiles(hour_of, "sqlite")
def _in_sqlite(element: hour_of, compiler: SQLCompiler, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)  # text; strftime rounds to milliseconds
    return f"CAST(strftime('%s', substr({at}, 1, 13) || ':00') AS integer) / 3600"


def number_of(at: datetime) -> int:
    """Return the number of the hour."""
    return (at - _EPOCH) // HOUR


def beginning_of(number: int) -> datetime:
    """Return the beginning of the hour of this number."""
    return _EPOCH + number * HOUR
