"""Sessions, with their activity."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Uuid, false, text

from domain.session import Transport
from domain.session_activity import AGENT_LENGTH
from infrastructure.storage import rotation_record
from infrastructure.storage.sql.tables.base import (
    ADDRESS_LENGTH,
    METHODS_LENGTH,
    UtcDateTime,
    metadata,
)

# No foreign key to users: the two may be in different databases.
sessions = Table(
    "sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("token_id", String(32), nullable=False),
    Column("spent_id", String(32)),
    Column("started_at", UtcDateTime, nullable=False),
    Column("rotated_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("rotations", String(2 * rotation_record.SIZE)),
    Column("transport", String(16), nullable=False, server_default=Transport.COOKIE.value),
    Column("methods", String(METHODS_LENGTH), nullable=False, server_default=text("'password'")),
    Column("stepped_up", Boolean, nullable=False, server_default=false()),
    Column("seen_at", UtcDateTime),
    Column("seen_address", String(ADDRESS_LENGTH)),
    Column("seen_agent", String(AGENT_LENGTH)),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)
