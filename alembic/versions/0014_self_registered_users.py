"""Users know whether they have registered themselves: see docs/adr/0047.

Those from before, and those that a node of the release before registers, count as created by the
operator: they are never purged.

Revision: 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    is_own = sa.Column("self_registered", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("users", is_own)


def downgrade() -> None:
    op.drop_column("users", "self_registered")
