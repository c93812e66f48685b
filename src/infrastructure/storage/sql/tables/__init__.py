"""The tables of SQL databases, in a module for each capability.

``alembic/versions`` creates them; a test compares the two.
"""

from infrastructure.storage.sql.tables.audit import audit_chain, audit_events
from infrastructure.storage.sql.tables.base import (
    ADDRESS_LENGTH,
    UtcDateTime,
    by_code_points,
    metadata,
)
from infrastructure.storage.sql.tables.figures import figure_progress, hourly_figures
from infrastructure.storage.sql.tables.mail import one_time_tokens, outbox
from infrastructure.storage.sql.tables.rate_limits import rate_limits
from infrastructure.storage.sql.tables.schema import schema_compatibility
from infrastructure.storage.sql.tables.second_factors import (
    challenges,
    passkey_handles,
    passkeys,
    second_factors,
)
from infrastructure.storage.sql.tables.sessions import sessions
from infrastructure.storage.sql.tables.signing_keys import signing_keys
from infrastructure.storage.sql.tables.social_login import (
    identities,
    social_codes,
    social_flows,
)
from infrastructure.storage.sql.tables.users import email_order, name_order, users

__all__ = [
    "ADDRESS_LENGTH",
    "UtcDateTime",
    "audit_chain",
    "audit_events",
    "by_code_points",
    "challenges",
    "email_order",
    "figure_progress",
    "hourly_figures",
    "identities",
    "metadata",
    "name_order",
    "one_time_tokens",
    "outbox",
    "passkey_handles",
    "passkeys",
    "rate_limits",
    "schema_compatibility",
    "second_factors",
    "sessions",
    "signing_keys",
    "social_codes",
    "social_flows",
    "users",
]
