"""Where sessions were last seen, and lists of users in order.

Revision: 0005, after 0004.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SIGHTING: dict[str, sa.types.TypeEngine[Any]] = {
    "seen_at": sa.DateTime(timezone=True),
    "seen_address": sa.String(45),
    "seen_agent": sa.String(255),
}

_PLAIN = {
    "users_created_at_idx": "users (created_at, id)",
    "users_role_created_at_idx": "users (role, created_at, id)",
    "users_disabled_created_at_idx": "users (disabled, created_at, id)",
}


def online_indexes(dialect: str) -> dict[str, str]:
    """The indexes to create before :func:`upgrade`, without blocking the service."""
    # By code points, whatever the database's language: texts with one prefix are adjacent.
    order = ' COLLATE "C"' if dialect == "postgresql" else ""
    return _PLAIN | {
        "users_email_order_idx": f"users ((email_key{order}), id)",
        "users_name_order_idx": f"users ((lower(name){order}), id)",
    }


def upgrade() -> None:
    for name, kind in _SIGHTING.items():
        op.add_column("sessions", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    op.drop_index("users_name_order_idx", "users")
    op.drop_index("users_email_order_idx", "users")
    for name in _PLAIN:
        op.drop_index(name, "users")
    for column in _SIGHTING:
        op.drop_column("sessions", column)
