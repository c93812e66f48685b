"""Users, and the orders of their lists."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
)

from domain.email import EMAIL_LENGTH
from domain.user import LOCALE_LENGTH, NAME_LENGTH
from infrastructure.storage.sql.tables.base import UtcDateTime, by_code_points, metadata

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
