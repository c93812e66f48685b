"""The outbox, and the one-time tokens of links."""

from sqlalchemy import Column, Index, Integer, String, Table, Text, UniqueConstraint, Uuid

from domain.email import EMAIL_LENGTH
from domain.user import LOCALE_LENGTH
from infrastructure.storage.sql.tables.base import UtcDateTime, metadata

LINK_LENGTH = 255
"""The longest page that a link may lead to."""

# The secrets are in the mails only: see mail/one_time_tokens.py.
one_time_tokens = Table(
    "one_time_tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("purpose", String(50), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("email", String(EMAIL_LENGTH), nullable=False),
    Column("email_key", String(EMAIL_LENGTH), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    UniqueConstraint("digest"),
    Index("one_time_tokens_user_id_purpose_idx", "user_id", "purpose"),
    Index("one_time_tokens_email_key_purpose_idx", "email_key", "purpose"),
    Index(None, "expires_at"),
)

# Messages without text and without secrets: see mail/outbox.py.
outbox = Table(
    "outbox",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(50), nullable=False),
    Column("recipient", String(EMAIL_LENGTH), nullable=False),
    Column("recipient_key", String(EMAIL_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("user_id", Uuid),
    Column("generation", Integer),
    Column("locale", String(LOCALE_LENGTH)),
    Column("link_target", String(LINK_LENGTH)),
    Column("facts", Text),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("error", String(50), nullable=False),
    Column("ended_at", UtcDateTime),
    Index("outbox_state_due_at_idx", "state", "due_at"),
    Index("outbox_created_at_idx", "created_at", "id"),
    Index(None, "ended_at"),
    Index(None, "recipient_key"),
)
