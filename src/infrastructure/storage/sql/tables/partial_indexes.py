"""Indexes of a part of the rows.

Their conditions name a dialect, so SQLAlchemy imports the one of PostgreSQL to declare them. Only
the comparison with the migrations needs them, and imports this module.
"""

from sqlalchemy import Index

from infrastructure.storage.sql.tables.users import users

Index(
    "users_second_factor_idx",
    users.c.created_at,
    users.c.id,
    postgresql_where=users.c.guarded_hash.is_not(None),
    sqlite_where=users.c.guarded_hash.is_not(None),
)
