"""Counted attempts.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("resets_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="rate_limits_pkey"),
    )
    op.create_index("rate_limits_resets_at_idx", "rate_limits", ["resets_at"])


def downgrade() -> None:
    op.drop_index("rate_limits_resets_at_idx", "rate_limits")
    op.drop_table("rate_limits")
