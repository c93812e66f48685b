"""Passkeys, and the handles by which authenticators know their users.

Revision: 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("credential_id", sa.LargeBinary, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", sa.String(200), nullable=False),
        sa.Column("aaguid", sa.Uuid, nullable=False),
        sa.Column("backup_eligible", sa.Boolean, nullable=False),
        sa.Column("backed_up", sa.Boolean, nullable=False),
        sa.Column("rp_id", sa.String(253), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
    )
    op.create_index("passkeys_user_id_created_at_idx", "passkeys", ["user_id", "created_at"])
    op.create_index("passkeys_rp_id_idx", "passkeys", ["rp_id"])
    op.create_table(
        "passkey_handles",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("handle", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("handle", name="passkey_handles_handle_key"),
    )


def downgrade() -> None:
    op.drop_table("passkey_handles")
    op.drop_table("passkeys")
