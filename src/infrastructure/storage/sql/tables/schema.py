"""The revision of the schema."""

from sqlalchemy import Column, String, Table

from infrastructure.storage.sql.tables.base import metadata

# One row: the revision of this schema, and the oldest revision whose release works on it.
schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("revision", String(32), primary_key=True),
    Column("oldest_compatible", String(32), nullable=False),
)
