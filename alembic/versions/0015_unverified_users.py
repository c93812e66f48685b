"""An index by which users are found who have registered and not proven their address.

Revision: 0015, after 0014.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def online_indexes(_dialect: str) -> dict[str, str]:
    """The indexes to create before :func:`upgrade`, without blocking the service."""
    return {"users_unverified_idx": "users (self_registered, verified, created_at, id)"}


def upgrade() -> None:
    """Only the index above is new."""


def downgrade() -> None:
    op.drop_index("users_unverified_idx", "users")
