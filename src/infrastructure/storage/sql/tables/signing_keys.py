"""The key ring."""

from sqlalchemy import Column, String, Table, Text

from infrastructure.storage.sql.tables.base import UtcDateTime, metadata

# The key ring, with encrypted private keys: see signing_keys.py.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(43), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("signs_from", UtcDateTime),
    Column("encrypted", Text, nullable=False),
)
