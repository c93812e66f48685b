"""Sessions know the transport of their login: see docs/adr/0044.

A node of the release before starts cookie sessions only, and leaves the column as it is when it
rotates a session.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    transport = sa.Column("transport", sa.String(16), nullable=False, server_default="cookie")
    op.add_column("sessions", transport)


def downgrade() -> None:
    op.drop_column("sessions", "transport")
