"""Hourly figures, and how far they are counted."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from infrastructure.storage.sql.tables.base import UtcDateTime, metadata

# Sums of counts and the last measurements: see figures.py.
hourly_figures = Table(
    "hourly_figures",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("name", String(50), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# One row: the last audit event that is counted, and when the gauges were measured.
figure_progress = Table(
    "figure_progress",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("counted_through", BigInteger, nullable=False),
    Column("claimed_at", UtcDateTime),
    Column("measured_at", UtcDateTime),
)
