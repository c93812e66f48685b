"""The tables of SQL databases. ``alembic/versions`` creates them; a test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from domain.email import EMAIL_LENGTH
from domain.second_factors.passkey import PASSKEY_NAME_LENGTH
from domain.session import Transport
from domain.session_activity import AGENT_LENGTH
from domain.user import LOCALE_LENGTH, NAME_LENGTH
from infrastructure.storage import rotation_record

ADDRESS_LENGTH = 45
"""The longest form of an IPv6 address."""

METHODS_LENGTH = 100
"""More than the names of all methods, with blanks between them."""

LINK_LENGTH = 255
"""The longest page that a link may lead to."""

TRANSPORTS_LENGTH = 200
"""More than all transports of a passkey, with blanks between them."""

HOST_LENGTH = 253
"""The longest name of a host."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC. SQLite stores no time zone, so it is removed and restored."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and dialect.name == "sqlite":
            return value.astimezone(UTC).replace(tzinfo=None)
        return value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class by_code_points(FunctionElement[str]):  # noqa: N801 - used like a function
    """A text in the order of code points, independent of the database's collation: all texts with
    one prefix are adjacent. SQLite has no other order.
    """

    inherit_cache = True
    type = String()


@compiles(by_code_points)
def _as_it_is(element: by_code_points, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(by_code_points, "postgresql")
def _collated(element: by_code_points, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("email", String(EMAIL_LENGTH), nullable=False),
    Column("email_key", String(EMAIL_LENGTH), nullable=False),
    Column("photo", String(255), nullable=False, server_default=text("'default.png'")),
    Column("verified", Boolean, nullable=False, server_default=false()),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("password_hash", String(255), nullable=False),
    Column("role", String(50), nullable=False, server_default=text("'user'")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("locale", String(LOCALE_LENGTH)),
    Column("self_registered", Boolean, nullable=False, server_default=false()),
    Column("guarded_hash", String(255)),
    UniqueConstraint("email_key"),
)

email_order = by_code_points(users.c.email_key)
name_order = by_code_points(func.lower(users.c.name))

# Each filter has an index in the order of the list. The indexes of the two orders above are in
# migration 0005 only: expressions cannot be compared with the database.
Index("users_created_at_idx", users.c.created_at, users.c.id)
Index("users_role_created_at_idx", users.c.role, users.c.created_at, users.c.id)
Index("users_disabled_created_at_idx", users.c.disabled, users.c.created_at, users.c.id)
Index(
    "users_unverified_idx",
    users.c.self_registered,
    users.c.verified,
    users.c.created_at,
    users.c.id,
)

Index(
    "users_second_factor_idx",
    users.c.created_at,
    users.c.id,
    postgresql_where=users.c.guarded_hash.is_not(None),
    sqlite_where=users.c.guarded_hash.is_not(None),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("resets_at", UtcDateTime, nullable=False),
    Index(None, "resets_at"),
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

# The secrets are in the mails only: see one_time_tokens.py.
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

# Secrets are encrypted, codes are digests: see second_factors.py.
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

# Public keys, and no secret: see passkeys.py.
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

# By which authenticators know a user, as long as the user exists.
passkey_handles = Table(
    "passkey_handles",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("handle", LargeBinary, nullable=False),
    UniqueConstraint("handle"),
)

# What clients have to answer within minutes: see challenges.py.
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

# Messages without text and without secrets: see outbox.py.
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

# One row: the revision of this schema, and the oldest revision whose release works on it.
schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("revision", String(32), primary_key=True),
    Column("oldest_compatible", String(32), nullable=False),
)
