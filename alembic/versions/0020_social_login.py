"""Accounts at other providers, and the flows and codes of logins with them.

A node of an earlier release deletes a user, and knows nothing of the accounts: the database
deletes them, as it does the second factors since 0018.

Revision: 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

oldest_compatible = "0006"
contracts = (
    "Every statement of an earlier release works as before, and none of them reads what the "
    "trigger deletes."
)

_POSTGRESQL = [
    """
CREATE FUNCTION doorward_forget_identities() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM identities WHERE user_id = OLD.id;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER users_forget_identities AFTER DELETE ON users FOR EACH ROW
EXECUTE FUNCTION doorward_forget_identities()
""",
]
_SQLITE = [
    """
CREATE TRIGGER users_forget_identities AFTER DELETE ON users
BEGIN
    DELETE FROM identities WHERE user_id = OLD.id;
END
""",
]


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("provider", sa.String(30), nullable=False),
        sa.Column("email", sa.String(255)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("issuer", "subject", name="identities_issuer_key"),
    )
    op.create_index("identities_user_id_idx", "identities", ["user_id"])
    op.create_table(
        "social_flows",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(30), nullable=False),
        sa.Column("intent", sa.String(16), nullable=False),
        sa.Column("binding", sa.String(64), nullable=False),
        sa.Column("return_to", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid),
        sa.Column("generation", sa.Integer),
        sa.Column("session_id", sa.String(32)),
        sa.Column("code_challenge", sa.String(128)),
        sa.Column("app_state", sa.Text),
        sa.Column("fresh", sa.Boolean, nullable=False),
    )
    op.create_index("social_flows_expires_at_idx", "social_flows", ["expires_at"])
    op.create_table(
        "social_codes",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("provider", sa.String(30), nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(255)),
        sa.Column("email_key", sa.String(255)),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("second_factor", sa.Boolean, nullable=False),
        sa.Column("fresh", sa.Boolean, nullable=False),
        sa.Column("code_challenge", sa.String(128), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("social_codes_expires_at_idx", "social_codes", ["expires_at"])
    for statement in _POSTGRESQL if _is_postgresql() else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Users without a password set one by a link: they have no other way in then."""
    on_users = " ON users" if _is_postgresql() else ""
    op.execute(f"DROP TRIGGER users_forget_identities{on_users}")
    if on_users:
        op.execute("DROP FUNCTION doorward_forget_identities()")
    op.drop_table("social_codes")
    op.drop_table("social_flows")
    op.drop_table("identities")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
