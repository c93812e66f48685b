"""Second factors, passkeys and challenges."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from domain.second_factors.passkey import PASSKEY_NAME_LENGTH
from infrastructure.storage.sql.tables.base import METHODS_LENGTH, UtcDateTime, metadata

HOST_LENGTH = 253
"""The longest name of a host."""
TRANSPORTS_LENGTH = 200
"""More than all transports of a passkey, with blanks between them."""

# Secrets are encrypted, codes are digests: see second_factors/factors.py.
second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("totp", Text),
    Column("totp_step", BigInteger, nullable=False, server_default=text("0")),
    Column("pending_totp", Text),
    Column("pending_until", UtcDateTime),
    Column("recovery_codes", Text, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", UtcDateTime),
    Column("locked_until", UtcDateTime),
)

# Public keys, and no secret: see second_factors/passkeys.py.
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("credential_id", LargeBinary, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", String(TRANSPORTS_LENGTH), nullable=False),
    Column("aaguid", Uuid, nullable=False),
    Column("backup_eligible", Boolean, nullable=False),
    Column("backed_up", Boolean, nullable=False),
    Column("rp_id", String(HOST_LENGTH), nullable=False),
    Column("name", String(PASSKEY_NAME_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Index("passkeys_user_id_created_at_idx", "user_id", "created_at"),
    Index(None, "rp_id"),
)

# The handles by which authenticators know a user, as long as the user exists.
passkey_handles = Table(
    "passkey_handles",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("handle", LargeBinary, nullable=False),
    UniqueConstraint("handle"),
)

# Challenges that clients have to answer within minutes: see second_factors/challenges.py.
challenges = Table(
    "challenges",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("ceremony", String(50), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("user_id", Uuid),
    Column("generation", Integer),
    Column("binding", String(64), nullable=False),
    Column("methods", String(METHODS_LENGTH), nullable=False),
    Column("transport", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)
