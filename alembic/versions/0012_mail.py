"""Mail: the outbox, the one-time tokens in its messages, and the language of users.

Revision: 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

oldest_compatible = "0006"


def upgrade() -> None:
    op.add_column("users", sa.Column("locale", sa.String(35)))
    time = sa.DateTime(timezone=True)
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(50), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("email_key", sa.String(255), nullable=False),
        sa.Column("issued_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("used_at", time),
        sa.PrimaryKeyConstraint("id", name="one_time_tokens_pkey"),
        sa.UniqueConstraint("digest", name="one_time_tokens_digest_key"),
    )
    op.create_index(
        "one_time_tokens_user_id_purpose_idx", "one_time_tokens", ["user_id", "purpose"]
    )
    op.create_index(
        "one_time_tokens_email_key_purpose_idx", "one_time_tokens", ["email_key", "purpose"]
    )
    op.create_index("one_time_tokens_expires_at_idx", "one_time_tokens", ["expires_at"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("recipient", sa.String(255), nullable=False),
        sa.Column("recipient_key", sa.String(255), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("generation", sa.Integer()),
        sa.Column("locale", sa.String(35)),
        sa.Column("link_target", sa.String(255)),
        sa.Column("facts", sa.Text()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", time, nullable=False),
        sa.Column("error", sa.String(50), nullable=False),
        sa.Column("ended_at", time),
        sa.PrimaryKeyConstraint("id", name="outbox_pkey"),
    )
    op.create_index("outbox_state_due_at_idx", "outbox", ["state", "due_at"])
    op.create_index("outbox_created_at_idx", "outbox", ["created_at", "id"])
    op.create_index("outbox_ended_at_idx", "outbox", ["ended_at"])
    op.create_index("outbox_recipient_key_idx", "outbox", ["recipient_key"])


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("one_time_tokens")
    op.drop_column("users", "locale")
