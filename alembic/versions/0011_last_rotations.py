"""Sessions remember their last rotations: see docs/adr/0035.

A node of the release before leaves the column as it is when it rotates a session; the column then
does not fit its refresh token, and what it says of earlier tokens is not found.

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("rotations", sa.String(24)))


def downgrade() -> None:
    op.drop_column("sessions", "rotations")
