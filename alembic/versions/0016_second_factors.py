"""Second factors, challenges, and how the user of a session has authenticated.

The hash of a user with a second factor moves from ``password_hash`` to ``guarded_hash``: a node of
an earlier release then finds no password, and logs in no such user (docs/adr/0049).

Revision: 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    op.add_column("users", sa.Column("guarded_hash", sa.String(255)))
    methods = sa.Column("methods", sa.String(100), nullable=False, server_default="password")
    op.add_column("sessions", methods)
    stepped_up = sa.Column("stepped_up", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("sessions", stepped_up)
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("totp", sa.Text),
        sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("pending_totp", sa.Text),
        sa.Column("pending_until", sa.DateTime(timezone=True)),
        sa.Column("recovery_codes", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "challenges",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("ceremony", sa.String(50), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("generation", sa.Integer),
        sa.Column("binding", sa.String(64), nullable=False),
        sa.Column("methods", sa.String(100), nullable=False),
        sa.Column("transport", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
    )
    op.create_index("challenges_user_id_idx", "challenges", ["user_id"])
    op.create_index("challenges_expires_at_idx", "challenges", ["expires_at"])


def downgrade() -> None:
    """Users with a second factor keep no password: they set a new one by a link."""
    op.drop_table("challenges")
    op.drop_table("second_factors")
    op.drop_column("sessions", "stepped_up")
    op.drop_column("sessions", "methods")
    op.drop_column("users", "guarded_hash")
