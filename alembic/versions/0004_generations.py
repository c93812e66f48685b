"""Generations: to raise a user's ends all sessions of the ones before, in one step.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("users", "sessions"):
        generation = sa.Column(
            "generation", sa.Integer(), nullable=False, server_default=sa.text("0")
        )
        op.add_column(table, generation)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER sessions_tell_generations AFTER UPDATE OF generation ON sessions "
            "FOR EACH ROW WHEN (NEW.generation <> OLD.generation) "
            "EXECUTE FUNCTION doorward_tell('user_id')"
        )
        op.execute("ALTER TABLE sessions ENABLE ALWAYS TRIGGER sessions_tell_generations")


def downgrade() -> None:
    # Without generations, sessions that a new password has ended would be good again.
    op.execute(
        "DELETE FROM sessions WHERE generation <> "
        "(SELECT generation FROM users WHERE users.id = sessions.user_id)"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER sessions_tell_generations ON sessions")
    for table in ("users", "sessions"):
        op.drop_column(table, "generation")
