"""Figures: counts of events and measurements, by hours.

Revision: 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def online_indexes(_dialect: str) -> dict[str, str]:
    """The indexes to create before :func:`upgrade`, without blocking the service."""
    with_factors = "users (created_at, id) WHERE guarded_hash IS NOT NULL"
    return {"users_second_factor_idx": with_factors}


def upgrade() -> None:
    op.create_table(
        "hourly_figures",
        sa.Column("hour", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hour", "name", name="hourly_figures_pkey"),
    )
    progress = op.create_table(
        "figure_progress",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("counted_through", sa.BigInteger, nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True)),
        sa.Column("measured_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="figure_progress_pkey"),
    )
    op.bulk_insert(progress, [{"id": 1, "counted_through": 0}])


def downgrade() -> None:
    op.drop_table("figure_progress")
    op.drop_table("hourly_figures")
    op.drop_index("users_second_factor_idx", "users")
