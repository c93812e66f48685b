"""Identities, and the flows and codes of logins at other providers."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from domain.email import EMAIL_LENGTH
from domain.social_login.identity import LONGEST_ISSUER, LONGEST_SUBJECT, PROVIDER_NAME_LENGTH
from infrastructure.storage.sql.tables.base import UtcDateTime, metadata

# Accounts at other providers: see social_login/identities.py.
identities = Table(
    "identities",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("issuer", String(LONGEST_ISSUER), nullable=False),
    Column("subject", String(LONGEST_SUBJECT), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("provider", String(PROVIDER_NAME_LENGTH), nullable=False),
    Column("email", String(EMAIL_LENGTH)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    UniqueConstraint("issuer", "subject"),
    Index(None, "user_id"),
)

# Ways of browsers to a provider and back: see social_login/flows.py. The ids are digests.
social_flows = Table(
    "social_flows",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("provider", String(PROVIDER_NAME_LENGTH), nullable=False),
    Column("intent", String(16), nullable=False),
    Column("binding", String(64), nullable=False),
    Column("return_to", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("user_id", Uuid),
    Column("generation", Integer),
    Column("session_id", String(32)),
    Column("code_challenge", String(128)),
    Column("app_state", Text),
    Column("fresh", Boolean, nullable=False),
    Index(None, "expires_at"),
)

# What applications exchange for tokens within a minute. The ids are digests.
social_codes = Table(
    "social_codes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("provider", String(PROVIDER_NAME_LENGTH), nullable=False),
    Column("issuer", String(LONGEST_ISSUER), nullable=False),
    Column("subject", String(LONGEST_SUBJECT), nullable=False),
    Column("email", String(EMAIL_LENGTH)),
    Column("email_key", String(EMAIL_LENGTH)),
    Column("email_verified", Boolean, nullable=False),
    Column("name", Text),
    Column("second_factor", Boolean, nullable=False),
    Column("fresh", Boolean, nullable=False),
    Column("code_challenge", String(128), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)
