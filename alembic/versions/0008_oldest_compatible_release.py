"""The database says which releases work on it, for a release does not know what came after it.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The statements of the release that made 0006 work on this schema. It refuses to start all the
# same: it does not look here.
oldest_compatible = "0006"


def upgrade() -> None:
    op.create_table(
        "schema_compatibility",
        sa.Column("revision", sa.String(32), nullable=False),
        sa.Column("oldest_compatible", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="schema_compatibility_pkey"),
    )


def downgrade() -> None:
    op.drop_table("schema_compatibility")
