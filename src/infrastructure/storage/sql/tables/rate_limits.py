"""Counts of attempts."""

from sqlalchemy import Column, Index, Integer, String, Table

from infrastructure.storage.sql.tables.base import UtcDateTime, metadata

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("resets_at", UtcDateTime, nullable=False),
    Index(None, "resets_at"),
)
