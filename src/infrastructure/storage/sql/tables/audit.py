"""The audit log and the ends of its chain."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, UniqueConstraint, Uuid

from infrastructure.storage.sql.tables.base import ADDRESS_LENGTH, UtcDateTime, metadata

# Append-only; pruned from the beginning: see audit/chain.py and audit/prune.py.
audit_events = Table(
    "audit_events",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String(50), nullable=False),
    Column("outcome", String(50), nullable=False),
    Column("user_id", Uuid),
    Column("session_id", String(32)),
    Column("actor_id", Uuid),
    Column("detail", String(255), nullable=False),
    Column("request_id", String(64), nullable=False),
    # The digest stays when the address is deleted.
    Column("address", String(ADDRESS_LENGTH)),
    Column("address_salt", String(32)),
    Column("address_digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("id"),
    Index(None, "at"),
    Index("audit_events_user_id_number_idx", "user_id", "number"),
    Index("audit_events_actor_id_number_idx", "actor_id", "number"),
    Index("audit_events_what_number_idx", "what", "number"),
    Index("audit_events_outcome_number_idx", "outcome", "number"),
)

# One row: the predecessor of the first event, and the last event.
audit_chain = Table(
    "audit_chain",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("start_number", BigInteger, nullable=False),
    Column("start_digest", String(64), nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column("last_digest", String(64), nullable=False),
)
