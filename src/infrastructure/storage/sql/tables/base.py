"""What the tables share: their metadata, types, and lengths of columns."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, String, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

ADDRESS_LENGTH = 45
"""The longest form of an IPv6 address."""
METHODS_LENGTH = 100
"""More than the names of all methods, with blanks between them."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC. SQLite stores no time zone, so it is removed and restored."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and dialect.name == "sqlite":
            return value.astimezone(UTC).replace(tzinfo=None)
        return value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class by_code_points(FunctionElement[str]):  # noqa: N801 - used like a function
    """A text in the order of code points, independent of the database's collation: all texts with
    one prefix are adjacent. SQLite has no other order.
    """

    inherit_cache = True
    type = String()


@compiles(by_code_points)
def _as_it_is(element: by_code_points, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(by_code_points, "postgresql")
def _collated(element: by_code_points, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
    }
)
