"""${message}.

Revision: ${up_revision}, after ${down_revision}.
"""

import sqlalchemy as sa
from alembic import op

revision = "${up_revision}"
down_revision = "${down_revision}"
branch_labels = None
depends_on = None

# The oldest revision whose release works on this schema: see docs/migrations.md.
oldest_compatible = "${oldest_compatible}"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("example", sa.String(24)))


def downgrade() -> None:
    op.drop_column("sessions", "example")
