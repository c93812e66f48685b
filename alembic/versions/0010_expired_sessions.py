"""An index by which expired sessions are found and deleted.

Revision: 0010, after 0009.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def online_indexes(_dialect: str) -> dict[str, str]:
    """The indexes to create before :func:`upgrade`, without blocking the service."""
    return {"sessions_expires_at_idx": "sessions (expires_at)"}


def upgrade() -> None:
    """Only the index above is new."""


def downgrade() -> None:
    op.drop_index("sessions_expires_at_idx", "sessions")
